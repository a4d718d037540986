"""The durable journal of dirty ranges, on local disk (SQLite, every commit synced).

It is the local form for one server instance; see docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from iotflow_server.local.durable import open_durable
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import TimeRange

_SCHEMA = """
CREATE TABLE IF NOT EXISTS dirty_range (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store TEXT NOT NULL,
    device_id INTEGER,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A dirty range in the journal."""

    id: int
    store: StoreName
    range: DirtyRange


class DirtyJournal:
    """Dirty ranges that survive kill -9; implements :class:`routing.dirty.DirtyLog`.

    The ranges are mirrored in memory; SQLite is touched only when something new is to be recorded.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._claimed: int | None = None
        self._connection = open_durable(path, _SCHEMA)
        self._entries: dict[int, Entry] = {}
        self._by_device: dict[tuple[StoreName, int | None], dict[int, Entry]] = {}
        rows = self._connection.execute("SELECT id, store, device_id, start_us, end_us FROM dirty_range ORDER BY id")
        for row in rows:
            self._remember(_entry(row))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def count(self, store: StoreName) -> int:
        """Ranges in which a store may differ."""
        return sum(entry.store is store for entry in list(self._entries.values()))

    async def add(self, store: StoreName, ranges: Sequence[DirtyRange]) -> None:
        """Return once the ranges are durable. One that lies within a recorded range is recorded already."""
        new = [dirty for dirty in ranges if not self._covers(store, dirty)]
        if new:
            await asyncio.to_thread(self._add, store, new)

    async def add_everything(self, store: StoreName) -> None:
        """Record that a store may differ everywhere."""
        await self.add(store, [DirtyRange(None, TimeRange())])

    async def forget(self, store: StoreName) -> None:
        """Drop all ranges of a store that is no longer written."""
        await asyncio.to_thread(self._replace, [e for e in self._entries.values() if e.store is store], [])

    def claim(self, stores: Sequence[StoreName], *, besides: Container[int] = ()) -> Entry | None:
        """Return the oldest range of these stores, for repair, or None. ``stores`` are the primary first.

        Entries whose ids are in ``besides`` are passed over. No range of another store is repaired from the
        primary while the primary itself may lack something of that device: it would be deleted there.

        Until it is released, a range added later is recorded even where it lies within the claimed one: the
        repair may have passed it already.
        """
        candidates = (e for store in stores for e in self._entries.values() if e.store is store)
        entry = next((e for e in candidates if e.id not in besides and self._may_be_repaired(e, stores[0])), None)
        self._claimed = entry.id if entry else None
        return entry

    def release(self) -> None:
        """Give the claimed range back without change."""
        self._claimed = None

    async def shrink(self, entry: Entry, start: int) -> Entry:
        """Record that the claimed range is repaired up to ``start``; return what remains."""
        remains = Entry(
            entry.id, entry.store, DirtyRange(entry.range.device_id, TimeRange(start, entry.range.time_range.end))
        )
        await asyncio.to_thread(self._update, remains)
        return remains

    async def split(self, entry: Entry, parts: Sequence[DirtyRange]) -> None:
        """Replace the claimed range by parts, none where it is repaired."""
        await asyncio.to_thread(self._replace, [entry], [(entry.store, part) for part in parts])
        self._claimed = None

    def _may_be_repaired(self, entry: Entry, primary: StoreName) -> bool:
        if entry.store is primary:
            return True
        if entry.range.device_id is None:
            return not self.count(primary)
        return not (self._by_device.get((primary, entry.range.device_id)) or self._by_device.get((primary, None)))

    def _unclaimed(self, store: StoreName, device_id: int | None) -> list[Entry]:
        found = self._by_device.get((store, device_id), {})
        return [entry for entry in list(found.values()) if entry.id != self._claimed]

    def _covers(self, store: StoreName, dirty: DirtyRange) -> bool:
        candidates = self._unclaimed(store, dirty.device_id) + self._unclaimed(store, None)
        return any(_contains(entry.range.time_range, dirty.time_range) for entry in candidates)

    def _add(self, store: StoreName, ranges: Sequence[DirtyRange]) -> None:
        with self._lock:
            devices = {dirty.device_id for dirty in ranges}
            old = [entry for device_id in devices for entry in self._unclaimed(store, device_id)]
            merged = _merged([*(entry.range for entry in old), *ranges])
            self._replace_locked(old, [(store, dirty) for dirty in merged])

    def _replace(self, old: Sequence[Entry], new: Sequence[tuple[StoreName, DirtyRange]]) -> None:
        with self._lock:
            self._replace_locked(old, new)

    def _replace_locked(self, old: Sequence[Entry], new: Sequence[tuple[StoreName, DirtyRange]]) -> None:
        with self._connection:
            self._connection.executemany("DELETE FROM dirty_range WHERE id = ?", [(entry.id,) for entry in old])
            added = [self._insert(store, dirty) for store, dirty in new]
        for entry in old:
            self._entries.pop(entry.id, None)
            self._by_device.get((entry.store, entry.range.device_id), {}).pop(entry.id, None)
        for entry in added:
            self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        self._by_device.setdefault((entry.store, entry.range.device_id), {})[entry.id] = entry

    def _insert(self, store: StoreName, dirty: DirtyRange) -> Entry:
        cursor = self._connection.execute(
            "INSERT INTO dirty_range (store, device_id, start_us, end_us) VALUES (?, ?, ?, ?)",
            (store.value, dirty.device_id, dirty.time_range.start, dirty.time_range.end),
        )
        if cursor.lastrowid is None:
            raise sqlite3.DatabaseError("no row id for a dirty range")
        return Entry(cursor.lastrowid, store, dirty)

    def _update(self, entry: Entry) -> None:
        with self._lock, self._connection:
            self._connection.execute(
                "UPDATE dirty_range SET start_us = ? WHERE id = ?", (entry.range.time_range.start, entry.id)
            )
            self._remember(entry)


def _entry(row: tuple[int, str, int | None, int, int]) -> Entry:
    identity, store, device_id, start, end = row
    return Entry(identity, StoreName(store), DirtyRange(device_id, TimeRange(start, end)))


def _contains(outer: TimeRange, inner: TimeRange) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _touch(one: DirtyRange, other: DirtyRange) -> bool:
    return (
        one.device_id == other.device_id
        and one.time_range.start <= other.time_range.end
        and other.time_range.start <= one.time_range.end
    )


def _merged(ranges: Iterable[DirtyRange]) -> list[DirtyRange]:
    merged: list[DirtyRange] = []
    for dirty in sorted(ranges, key=lambda r: (r.device_id is not None, r.device_id or 0, r.time_range.start)):
        if merged and _touch(merged[-1], dirty):
            end = max(merged[-1].time_range.end, dirty.time_range.end)
            merged[-1] = DirtyRange(dirty.device_id, TimeRange(merged[-1].time_range.start, end))
        else:
            merged.append(dirty)
    return merged
