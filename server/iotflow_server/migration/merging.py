"""Ranges that become fewer and wider; what was dirty stays so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from iotflow_server.migration.dirty_book import Entry
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

#: Microseconds. What devices write now is within a recorded range for so long, and costs nothing.
GRAIN: Final = 600_000_000
#: Microseconds between ranges of a device that are repaired as one.
#: To compare a thousand rows costs about as much as to begin another range.
NEAR: Final = 1_000_000


def widened(dirty: DirtyRange) -> DirtyRange:
    """A range from one multiple of the grain to another."""
    start = dirty.time_range.start // GRAIN * GRAIN
    end = -(-dirty.time_range.end // GRAIN) * GRAIN
    return DirtyRange(dirty.device_id, TimeRange(max(start, MIN_TIMESTAMP), min(end, MAX_TIMESTAMP)), dirty.points)


def merged(entries: Iterable[Entry]) -> list[Entry]:
    """Entries of one store; those of a device that are near one another become one, as old as the oldest: to compare
    what lies between costs less than to begin again."""
    result: list[Entry] = []
    for entry in sorted(entries, key=_place):
        if result and _are_near(result[-1].range, entry.range):
            result[-1] = _joined(result[-1], entry)
        else:
            result.append(entry)
    return result


def one_by_device(entries: Sequence[Entry]) -> list[Entry]:
    """One entry for each device, from the first to the last of its own."""
    by_device: dict[int | None, Entry] = {}
    for entry in entries:
        known = by_device.get(entry.range.device_id)
        by_device[entry.range.device_id] = entry if known is None else _joined(known, entry)
    return list(by_device.values())


def one_for_all(entries: Sequence[Entry]) -> list[Entry]:
    """One entry for every device."""
    return one_by_device([replace(e, range=replace(e.range, device_id=None)) for e in entries])


def bounded(ranges: Sequence[DirtyRange], most: int) -> Sequence[DirtyRange]:
    """Ranges that cover these; where there are more than ``most``, each is of every device."""
    if len(ranges) <= most:
        return ranges
    joined: list[TimeRange] = []
    for each in sorted((dirty.time_range for dirty in ranges), key=_start):
        if joined and each.start <= joined[-1].end:
            joined[-1] = TimeRange(joined[-1].start, max(joined[-1].end, each.end))
        else:
            joined.append(each)
    return [DirtyRange(None, time_range) for time_range in joined]


def _start(time_range: TimeRange) -> int:
    return time_range.start


def _joined(one: Entry, other: Entry) -> Entry:
    start = min(one.range.time_range.start, other.range.time_range.start)
    end = max(one.range.time_range.end, other.range.time_range.end)
    joined = DirtyRange(one.range.device_id, TimeRange(start, end), one.range.points + other.range.points)
    return replace(one, range=joined, noted_at=min(one.noted_at, other.noted_at))


def _place(entry: Entry) -> tuple[bool, int, int]:
    dirty = entry.range
    return dirty.device_id is not None, dirty.device_id or 0, dirty.time_range.start


def _are_near(one: DirtyRange, other: DirtyRange) -> bool:
    return (
        one.device_id == other.device_id
        and one.time_range.start <= other.time_range.end + NEAR
        and other.time_range.start <= one.time_range.end + NEAR
    )
