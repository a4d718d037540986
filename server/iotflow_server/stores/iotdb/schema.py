"""Which series a device has, where, and of which types."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from iotflow_server.stores.iotdb.names import DevicePlace, Layout, quote, split_path
from iotflow_server.stores.iotdb.session import Answer, Session
from iotflow_server.stores.iotdb.status import refused
from iotflow_server.stores.iotdb.types import KIND_ATTRIBUTE, NativeType, series_type
from iotflow_server.stores.store import SeriesType

#: Longer than nearly all devices are silent: to ask for one takes IoTDB 8 ms, and a gateway brings many at once.
_CACHE_SECONDS: Final = 3600.0
#: From then on a schema is asked for anew while it is still good.
_AGING_SECONDS: Final = 300.0
_CACHED_DEVICES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a device. ``node`` is its name as IoTDB keeps it: quoted where it saw a need."""

    name: str
    node: str
    native: NativeType
    type: SeriesType


#: The series of one device by place and name. Without series a place is not in it.
DeviceSchema = Mapping[DevicePlace, Mapping[str, Series]]


def by_precedence(places: Iterable[DevicePlace], owner: int) -> list[DevicePlace]:
    """Order places of one device: where two hold the same point, the first one's is the valid one.

    The place that writes go to comes first, so that the last write wins; then users, the lowest first; then the
    older layout.
    """
    return sorted(places, key=lambda place: (place.user_id != owner, place.user_id == 0, place.user_id))


def load_schema(session: Session, layout: Layout, device_id: int) -> DeviceSchema:
    """Ask IoTDB for the series of a device, in both layouts. Nested series are not the device's own."""
    found: dict[DevicePlace, dict[str, Series]] = {}
    for pattern in layout.patterns(device_id):
        for path, native, attributes in _series(session.query(f"SHOW TIMESERIES {pattern}.*")):
            *device, name = split_path(path)
            place = layout.place(device)
            if place is not None:
                node = quote(name) if path.endswith("`") else name
                series = Series(name, node, native, series_type(native, attributes.get(KIND_ATTRIBUTE)))
                found.setdefault(place, {})[name] = series
    return found


def _series(answer: Answer) -> Iterable[tuple[str, NativeType, Mapping[str, str]]]:
    if not answer.blocks:
        return
    columns = (answer.texts(name) for name in ("Timeseries", "DataType", "Attributes"))
    for path, native, attributes in zip(*columns, strict=True):
        if native not in NativeType.__members__:
            raise refused(f"{path} is of type {native}, which this version cannot read")
        yield path, NativeType[native], json.loads(attributes) if attributes not in ("", "null") else {}


def load_places(session: Session, layout: Layout) -> set[DevicePlace]:
    """Ask IoTDB where devices stand."""
    found = set()
    for pattern in layout.patterns():
        answer = session.query(f"SHOW DEVICES {pattern}")
        if answer.blocks:
            found |= {layout.place(split_path(path)) for path in answer.texts("Device")}
    return {place for place in found if place is not None}


def is_aligned(session: Session, device: str) -> bool:
    """Whether a device, given its quoted path, is an aligned one. One that is not there is not."""
    answer = session.query(f"SHOW DEVICES {device}")
    return bool(answer.blocks) and list(answer.texts("IsAligned")) == ["true"]


def merged_types(schema: DeviceSchema, owner: int) -> dict[str, SeriesType]:
    """Return the types of a device's series; where places differ, that of the first by precedence."""
    types: dict[str, SeriesType] = {}
    for place in reversed(by_precedence(schema, owner)):
        types |= {name: series.type for name, series in schema[place].items()}
    return types


class SchemaCache:
    """Schemas of devices, for writes; what is not in IoTDB yet is not remembered. Safe for threads.

    Other writers may add series and, rarely, make one anew with another type. Who writes to what is not known looks
    first, and who is refused forgets; so an entry need not be young to be safe.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[int, tuple[float, DeviceSchema]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, device_id: int) -> DeviceSchema | None:
        """Return what is known of a device, None if nothing or nothing recent is."""
        with self._lock:
            loaded, schema = self._entries.get(device_id, (float("-inf"), None))
            return schema if time.monotonic() - loaded < _CACHE_SECONDS else None

    def is_aging(self, device_id: int) -> bool:
        """Whether what is known of a device is good, but not for long."""
        with self._lock:
            loaded, _ = self._entries.get(device_id, (float("inf"), None))
            return time.monotonic() - loaded >= _AGING_SECONDS

    def put(self, device_id: int, schema: DeviceSchema) -> None:
        """Remember what IoTDB has just told."""
        with self._lock:
            self._entries.pop(device_id, None)
            if schema:
                self._entries[device_id] = (time.monotonic(), schema)
            if len(self._entries) > _CACHED_DEVICES:
                self._entries.popitem(last=False)

    def forget(self, device_ids: Sequence[int]) -> None:
        """Ask anew next time."""
        with self._lock:
            for device_id in device_ids:
                self._entries.pop(device_id, None)
