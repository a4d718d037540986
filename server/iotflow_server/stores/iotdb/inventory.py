"""What IoTDB holds under the fleet's database: whose each series is, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from iotflow_server.stores.history import HistoryFault, Inventory
from iotflow_server.stores.iotdb.clock import Clock
from iotflow_server.stores.iotdb.names import Layout, join_path, split_path
from iotflow_server.stores.iotdb.session import Answer, Session
from iotflow_server.stores.iotdb.types import NativeType
from iotflow_server.stores.selection import TimeRange

_COLUMNS: Final = ("Timeseries", "DataType", "Encoding", "Deadband")
_ROUNDING: Final = frozenset({"RLE", "TS_2DIFF"})
_CHANGING: Final = frozenset({"SPRINTZ", "RLBE"})
_FLOATING: Final = frozenset({"FLOAT", "DOUBLE"})
_NUMBERS: Final = frozenset({"INT32", "INT64", "FLOAT", "DOUBLE", "TIMESTAMP", "DATE"})
#: PostgreSQL keeps names in its keys, which have a largest size.
_LONGEST_NAME_BYTES: Final = 2_000
_UNCARRIABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Listed:
    """A series as SHOW TIMESERIES lists it; ``deadband`` is empty where it has none."""

    path: str
    type: str
    encoding: str
    deadband: str


@dataclass(slots=True)
class _Found:
    """What was gone through so far. ``strangers`` are series by the path of their device, which is not ours."""

    devices: dict[int, set[str]] = field(default_factory=dict)
    faults: list[HistoryFault] = field(default_factory=list)
    strangers: dict[tuple[str, ...], list[str]] = field(default_factory=dict)


def take_inventory(session: Session, layout: Layout) -> Inventory:
    """List all series under the database."""
    listed = _listed(session.query(f"SHOW TIMESERIES {layout.database}.**"))
    return inventory_of(listed, layout, lambda device: _count(session, device))


def inventory_of(listed: Iterable[Listed], layout: Layout, count: Callable[[Sequence[str]], int]) -> Inventory:
    """Sort series by their devices. ``count`` tells the points of a device by the nodes of its path."""
    found = _Found()
    for one in listed:
        _sort_in(one, layout, found)
    for device, paths in found.strangers.items():
        found.faults.append(_stranger(count(device), layout, device, paths))
    return Inventory({device: frozenset(names) for device, names in found.devices.items()}, found.faults)


def is_carriable(name: str) -> bool:
    """Whether PostgreSQL can hold a name."""
    # The bytes of a name that are not UTF-8 were read as surrogates.
    return not _UNCARRIABLE.search(name) and len(name.encode()) <= _LONGEST_NAME_BYTES


def _listed(answer: Answer) -> Iterator[Listed]:
    if answer.blocks:
        for row in zip(*(answer.texts(name) for name in _COLUMNS), strict=True):
            yield Listed(*row)


def _sort_in(listed: Listed, layout: Layout, found: _Found) -> None:
    *device, name = split_path(listed.path)
    place = layout.place(device)
    if place is None:
        found.strangers.setdefault(tuple(device), []).append(listed.path)
        return
    fault = _name_fault(listed, name, place.device_id) or _type_fault(listed, place.device_id)
    if fault is not None:
        found.faults.append(fault)
        return
    found.devices.setdefault(place.device_id, set()).add(name)
    if (loss := _loss(listed)) is not None:
        found.faults.append(HistoryFault("LOSSY_ENCODING", listed.path, loss, place.device_id))


def _name_fault(listed: Listed, name: str, device_id: int) -> HistoryFault | None:
    if is_carriable(name):
        return None
    detail = "its name cannot stand in PostgreSQL: it holds U+0000 or bytes that are not UTF-8, or is very long"
    return HistoryFault("UNCARRIABLE_NAME", listed.path, f"{detail}; copy the series under another name", device_id)


def _type_fault(listed: Listed, device_id: int) -> HistoryFault | None:
    if listed.type in NativeType.__members__:
        return None
    detail = f"its type {listed.type} is not known to this version"
    return HistoryFault("UNCARRIABLE_TYPE", listed.path, f"{detail}; copy it into a series of another type", device_id)


def _loss(listed: Listed) -> str | None:
    """Why IoTDB itself may have changed or dropped values of a series, None where it has not."""
    if listed.deadband:
        return f"IoTDB drops points of it (deadband {listed.deadband}); what is left is carried"
    is_rounded = listed.encoding in _ROUNDING and listed.type in _FLOATING
    if is_rounded or (listed.encoding in _CHANGING and listed.type in _NUMBERS):
        return f"IoTDB changes values of it when it flushes ({listed.type} as {listed.encoding}); they are carried so"
    return None


def _stranger(points: int, layout: Layout, device: Sequence[str], paths: Sequence[str]) -> HistoryFault:
    path, series = join_path(device), f"{len(paths)} series with {points} points"
    owner = _nested_in(layout, device)
    if owner is not None:
        detail = f"{series} nested in device {owner}, where no device can stand"
        return HistoryFault("NESTED_SERIES", path, detail, owner, points, is_harmless=not points)
    if not _is_in_layouts(layout, device):
        detail = f"{series} beside the fleet's devices: others' data, which stay where they are"
        return HistoryFault("OTHER_DATA", path, detail, None, points, is_harmless=True)
    detail = f"{series} at a path that names no device"
    return HistoryFault("UNMAPPABLE_PATH", path, detail, None, points, is_harmless=not points)


def _count(session: Session, device: Sequence[str]) -> int:
    window = Clock.of(session.precision).window(TimeRange())
    answer = session.query(f"SELECT count(*) FROM {join_path(device)} WHERE {window.where}")
    return sum(int(column.values.sum()) for block in answer.blocks for column in block.columns)


def _nested_in(layout: Layout, device: Sequence[str]) -> int | None:
    """The device below whose node a path stands."""
    for length in range(len(device) - 1, 1, -1):
        if (place := layout.place(device[:length])) is not None:
            return place.device_id
    return None


def _is_in_layouts(layout: Layout, device: Sequence[str]) -> bool:
    below = list(device)[layout.depth :]
    return below[:1] in (["users"], ["devices"])
