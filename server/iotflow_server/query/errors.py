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


class AggregateTypeError(QueryError):
    """An aggregation that needs numbers was asked of a series that holds something else."""

    def __init__(self, device_id: int, measurement: str, kind: Kind | None, aggregation: str) -> None:
        held = "values of several kinds" if kind is None else f"{kind.name} values"
        super().__init__(
            f"{aggregation} needs numbers, but the series {measurement!r} of device {device_id} holds {held}: "
            "name only measurements that hold numbers, or ask for COUNT, FIRST or LAST"
        )
        self.device_id = device_id
        self.measurement = measurement
        self.kind = kind


class AggregateOverflowError(QueryError):
    """A sum of integers is beyond 64 bits."""

    def __init__(self, device_id: int, measurement: str) -> None:
        super().__init__(
            f"the SUM of the series {measurement!r} of device {device_id} is beyond 64 bits: "
            "narrow the range or the window, or ask for MEAN and COUNT"
        )
        self.device_id = device_id
        self.measurement = measurement


class QueryTooLargeError(QueryError):
    """A query would read or return more than one call may."""
