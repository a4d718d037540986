"""Why a query cannot be answered as asked. The edge turns these into gRPC statuses; each message is for the client."""

from __future__ import annotations

from iotflow_server.stores.batch import Kind


class QueryError(Exception):
    """Base of what is wrong with a query. The message says what to change."""


class InvalidTokenError(QueryError, ValueError):
    """A page token is garbled, or belongs to another query."""

    def __init__(self) -> None:
        super().__init__(
            "the page token does not belong to this query: send the next_page_token of the page before, "
            "with the same filter and order"
        )


class NotNumbersError(QueryError):
    """Something that needs numbers was asked of a series that holds something else."""

    def __init__(self, what: str, device_id: int, measurement: str, kind: Kind, remedy: str) -> None:
        super().__init__(
            f"{what} needs numbers, but the series {measurement!r} of device {device_id} holds {kind.name} values: "
            f"name only measurements that hold numbers{remedy}"
        )
        self.device_id = device_id
        self.measurement = measurement
        self.kind = kind


class AggregateTypeError(NotNumbersError):
    """An aggregation that needs numbers was asked of a series that holds something else."""

    def __init__(self, device_id: int, measurement: str, kind: Kind, aggregation: str) -> None:
        super().__init__(aggregation, device_id, measurement, kind, ", or ask for COUNT, FIRST or LAST")


class DownsamplingTypeError(NotNumbersError):
    """Downsampling was asked of a series that holds something else than numbers."""

    def __init__(self, device_id: int, measurement: str, kind: Kind) -> None:
        super().__init__("downsampling", device_id, measurement, kind, ", or ask without downsampling")


class AggregateOverflowError(QueryError):
    """A result that is an integer is beyond 64 bits."""

    def __init__(self, device_id: int, measurement: str, aggregation: str) -> None:
        super().__init__(
            f"the {aggregation} of the series {measurement!r} of device {device_id} is beyond 64 bits: "
            "narrow the range or the window, or ask for MEAN, MIN and MAX"
        )
        self.device_id = device_id
        self.measurement = measurement


class QueryTooLargeError(QueryError):
    """A query would read or return more than one call may."""
