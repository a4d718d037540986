"""What a query is about: filters to selections, with every limit checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from iotflow.telemetry.v1.telemetry_service_pb2 import (
    DeleteTelemetryRequest,
    GetLatestTelemetryRequest,
    Order,
    QueryTelemetryStreamRequest,
    TelemetryFilter,
)
from iotflow.telemetry.v1.telemetry_service_pb2 import DownsamplingMethod as Methods
from iotflow_server.api.decoded import DEVICE_ID_FAULT
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.paths import item
from iotflow_server.api.ports import RegistryPort
from iotflow_server.api.times import microseconds
from iotflow_server.api.validate import queried_name_fault
from iotflow_server.query.downsampling import Downsampling, DownsamplingMethod
from iotflow_server.query.quality import QualityFlags
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, Scope, Selection, TimeRange

DEFAULT_PAGE_SIZE: Final = 1_000
MAX_QUALITY_FLAGS: Final = 100
MAX_DOWNSAMPLED: Final = 100_000


class DeviceChoice(Protocol):
    """A message that names devices, or a user whose devices are meant."""

    @property
    def device_ids(self) -> Sequence[int]:
        """The devices."""

    @property
    def user_id(self) -> int:
        """The user."""


class Filters:
    """Reads filters."""

    def __init__(self, registry: RegistryPort, max_devices: int) -> None:
        self._registry = registry
        self._max_devices = max_devices

    async def selection(self, message: TelemetryFilter, path: str) -> Selection:
        """The selection of a filter. ``path`` is that of the filter, with its dot.

        :raises InvalidRequestError: a field is wrong.
        """
        return Selection(
            await self.devices(message, path),
            measurements(message.measurements, path),
            TimeRange(*_bounds(message, path)),
        )

    async def latest(self, message: GetLatestTelemetryRequest) -> Selection:
        """The selection of a question for latest points."""
        return Selection(await self.devices(message, ""), measurements(message.measurements, ""))

    async def devices(self, message: DeviceChoice, path: str) -> tuple[int, ...]:
        """The devices that are named, or those of the user; unknown ones are no error.

        :raises InvalidRequestError: neither is given, or both, or too many.
        """
        if message.device_ids and message.user_id:
            raise InvalidRequestError((f"{path}device_ids", "give either device_ids or user_id; both are given"))
        if not message.device_ids and not message.user_id:
            raise InvalidRequestError((f"{path}device_ids", "give either device_ids or user_id; neither is given"))
        if message.user_id < 0:
            raise InvalidRequestError((f"{path}user_id", "a user_id must be positive"))
        if message.user_id:
            return await self._of_user(message.user_id, f"{path}user_id")
        named = self._named(message.device_ids, f"{path}device_ids")
        await self._registry.look_up(named)
        return named

    async def _of_user(self, user_id: int, path: str) -> tuple[int, ...]:
        devices = await self._registry.devices_of(user_id)
        if len(devices) > self._max_devices:
            limit = f"at most {self._max_devices} (IOTFLOW_MAX_DEVICES_PER_QUERY)"
            remedy = "name some of them in device_ids"
            raise InvalidRequestError(
                (path, f"user {user_id} has {len(devices)} devices; {limit} may be asked: {remedy}")
            )
        return devices

    def _named(self, device_ids: Sequence[int], path: str) -> tuple[int, ...]:
        if len(device_ids) > self._max_devices:
            limit = f"at most {self._max_devices} (IOTFLOW_MAX_DEVICES_PER_QUERY)"
            raise InvalidRequestError((path, f"{len(device_ids)} devices are named; {limit} may be"))
        named = tuple(dict.fromkeys(device_ids))
        if min(named) < 1:
            index = next(index for index, device_id in enumerate(device_ids) if device_id < 1)
            raise InvalidRequestError((item(path, index), DEVICE_ID_FAULT))
        return named


def measurements(names: Sequence[str], path: str) -> tuple[str, ...] | None:
    """The measurements that are named, None for all."""
    for index, name in enumerate(names):
        if (fault := queried_name_fault(name)) is not None:
            raise InvalidRequestError((item(f"{path}measurements", index), fault))
    return tuple(dict.fromkeys(names)) or None


def deletion(request: DeleteTelemetryRequest) -> Selection:
    """What is to be deleted: metadata too where no measurement is named.

    :raises InvalidRequestError: a field is wrong or missing.
    """
    if request.device_id < 1:
        raise InvalidRequestError(("device_id", DEVICE_ID_FAULT))
    for field in ("start_time", "end_time"):
        if not request.HasField(field):
            raise InvalidRequestError((field, "the range of a deletion must have both ends"))
    names = measurements(request.measurements, "")
    scope = Scope.BOTH if names is None else Scope.DATA
    return Selection((request.device_id,), names, TimeRange(*_bounds(request, "")), scope)


def page_size_of(page_size: int, limit: int) -> int:
    """The size of a page, 1,000 (or the limit, if less) where none is asked for."""
    if not 0 <= page_size <= limit:
        raise InvalidRequestError(("page_size", f"{page_size} is not within 0 to {limit}; 0 means the default"))
    return page_size or min(DEFAULT_PAGE_SIZE, limit)


def is_descending(order: int) -> bool:
    """Whether an order is descending."""
    if order not in _DESCENDING:
        raise InvalidRequestError(("order", f"{order} is no order; send ORDER_ASCENDING or ORDER_DESCENDING"))
    return _DESCENDING[order]


def limit_of(number: int, path: str) -> int | None:
    """A limit that is not set by 0."""
    if number < 0:
        raise InvalidRequestError((path, f"{number} is negative; 0 means no limit"))
    return number or None


def downsampling_of(request: QueryTelemetryStreamRequest) -> Downsampling | None:
    """How series are to be reduced, None where they are not.

    :raises InvalidRequestError: a field is wrong, or does not go with another.
    """
    if not request.HasField("downsampling"):
        return None
    method, count = request.downsampling.method, request.downsampling.max_points
    if method not in _METHODS:
        names = ", ".join(Methods.keys()[1:])
        raise InvalidRequestError(("downsampling.method", f"{method} is no method; one of {names} is right"))
    if not 4 <= count <= MAX_DOWNSAMPLED:
        fault = f"{count} is not within 4 to {MAX_DOWNSAMPLED}"
        raise InvalidRequestError(("downsampling.max_points", fault))
    if request.max_timestamps:
        raise InvalidRequestError(("max_timestamps", "give either max_timestamps or downsampling"))
    return Downsampling(_METHODS[method], count)


def quality_of(message: TelemetryFilter, path: str) -> QualityFlags:
    """The quality flags that are asked for."""
    if len(message.quality_flags) > MAX_QUALITY_FLAGS:
        fault = f"{len(message.quality_flags)} are named; at most {MAX_QUALITY_FLAGS} may be"
        raise InvalidRequestError((f"{path}quality_flags", fault))
    return frozenset(message.quality_flags) or None


_DESCENDING: Final[Mapping[int, bool]] = {
    Order.ORDER_UNSPECIFIED: False,
    Order.ORDER_ASCENDING: False,
    Order.ORDER_DESCENDING: True,
}
_METHODS: Final[Mapping[int, DownsamplingMethod]] = {method.value: method for method in DownsamplingMethod}


def _bounds(message: TelemetryFilter | DeleteTelemetryRequest, path: str) -> tuple[int, int]:
    start = moment(message.start_time, f"{path}start_time") if message.HasField("start_time") else MIN_TIMESTAMP
    end = moment(message.end_time, f"{path}end_time") if message.HasField("end_time") else MAX_TIMESTAMP
    if start > end:
        raise InvalidRequestError((f"{path}start_time", "start_time must not be after end_time"))
    return start, end


def moment(timestamp: Timestamp, path: str) -> int:
    """Microseconds since 1970 of a field.

    :raises InvalidRequestError: it is no moment of the years 1 to 9999.
    """
    try:
        return microseconds(timestamp)
    except ValueError as error:
        raise InvalidRequestError((path, str(error))) from None
