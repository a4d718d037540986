"""The durable journal of dirty ranges, on local disk (SQLite, every commit synced): what PostgreSQL lacks."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from iotflow_server.local.durable import open_durable
from iotflow_server.migration.dirt import Dirt, total
from iotflow_server.migration.dirty_book import Entry
from iotflow_server.migration.merging import merged, one_by_device, one_for_all
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import TimeRange

_SCHEMA = """
CREATE TABLE IF NOT EXISTS dirty_ranges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    store TEXT NOT NULL,
    device_id INTEGER,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    noted_at REAL NOT NULL,
    points INTEGER NOT NULL DEFAULT 0
) STRICT
"""
#: Files of an earlier version lack it.
_ADD_POINTS: Final = "ALTER TABLE dirty_ranges ADD COLUMN points INTEGER NOT NULL DEFAULT 0"
_COLUMNS: Final = "id, store, device_id, start_us, end_us, noted_at, points"
_MOST: Final = 10_000


class DirtyJournal:
    """Dirty ranges that survive kill -9; implements :class:`migration.dirty_book.DirtyBook`.

    The ranges are mirrored in memory; SQLite is touched only when something new is to be recorded.
    """

    def __init__(self, path: Path, most: int = _MOST) -> None:
        """``most``: ranges of a store that are kept apart; more become one for each device, and then one for all."""
        self._most = most
        self._lock = threading.Lock()
        self._claimed: set[int] = set()
        self._connection = open_durable(path, _SCHEMA)
        self._complete_schema()
        #: Points noted in an entry since it was recorded, by its id; only here.
        self._noted: dict[int, int] = {}
        self._entries: dict[int, Entry] = {}
        self._by_device: dict[tuple[StoreName, int | None], dict[int, Entry]] = {}
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM dirty_ranges ORDER BY id")
        for row in rows:
            self._remember(_entry(row))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def dirt(self) -> dict[StoreName, Dirt]:
        """How much is dirty, by store."""
        now = time.time()
        found: dict[StoreName, list[Dirt]] = {store: [] for store in StoreName}
        for entry in list(self._entries.values()):
            points = entry.range.points + self._noted.get(entry.id, 0)
            found[entry.store].append(Dirt(1, max(now - entry.noted_at, 0.0), points))
        return {store: total(parts) for store, parts in found.items()}

    async def count(self, store: StoreName) -> int:
        """Ranges in which a store may differ."""
        return self.dirt()[store].ranges

    async def add(self, store: StoreName, ranges: Sequence[DirtyRange]) -> None:
        """Return once the ranges are durable. One that lies within a recorded range is recorded already."""
        new = [dirty for dirty in ranges if not self._is_noted(store, dirty)]
        if new:
            await asyncio.to_thread(self._add, store, new)

    async def add_everything(self, store: StoreName) -> None:
        """Record that a store may differ everywhere."""
        await self.add(store, [DirtyRange(None, TimeRange())])

    async def forget(self, store: StoreName) -> None:
        """Drop all ranges of a store that is no longer there."""
        await asyncio.to_thread(self._replace, self._of(store), [])

    async def relabel(self, store: StoreName, other: StoreName) -> None:
        """Let the ranges of a store be those of the other."""
        old = self._of(store)
        await asyncio.to_thread(self._replace, old, [replace(entry, store=other) for entry in old])

    async def claim(self, stores: Sequence[StoreName], *, besides: Collection[int] = ()) -> Entry | None:
        """Return the oldest range of these stores, for repair."""
        candidates = (entry for store in stores for entry in self._of(store))
        entry = next((e for e in candidates if e.id not in besides and self._may_be_repaired(e, stores[0])), None)
        if entry is not None:
            self._claimed.add(entry.id)
        return entry

    async def release(self, entry: Entry) -> None:
        """Give a claimed range back as it is now."""
        self._claimed.discard(entry.id)

    async def shrink(self, entry: Entry, start: int) -> Entry:
        """Record that the claimed range is repaired up to ``start``; return what remains."""
        remains = replace(entry, range=entry.range.beyond(start))
        await asyncio.to_thread(self._update, remains)
        return remains

    async def split(self, entry: Entry, parts: Sequence[DirtyRange]) -> None:
        """Replace the claimed range by parts, none where it is repaired."""
        await asyncio.to_thread(self._replace, [entry], [replace(entry, range=part) for part in parts])
        self._claimed.discard(entry.id)

    def _of(self, store: StoreName) -> list[Entry]:
        # Of a copy: threads add entries meanwhile.
        return [entry for entry in list(self._entries.values()) if entry.store is store]

    def _may_be_repaired(self, entry: Entry, primary: StoreName) -> bool:
        if entry.store is primary:
            return True
        if entry.range.device_id is None:
            return not self.dirt()[primary].ranges
        return not (self._by_device.get((primary, entry.range.device_id)) or self._by_device.get((primary, None)))

    def _unclaimed(self, store: StoreName, device_id: int | None) -> list[Entry]:
        found = self._by_device.get((store, device_id), {})
        return [entry for entry in list(found.values()) if entry.id not in self._claimed]

    def _is_noted(self, store: StoreName, dirty: DirtyRange) -> bool:
        """Whether a recorded range covers this one; its points are counted there."""
        for entry in self._unclaimed(store, dirty.device_id) + self._unclaimed(store, None):
            if _contains(entry.range.time_range, dirty.time_range):
                self._noted[entry.id] = self._noted.get(entry.id, 0) + dirty.points
                return True
        return False

    def _add(self, store: StoreName, ranges: Sequence[DirtyRange]) -> None:
        with self._lock:
            devices = {dirty.device_id for dirty in ranges}
            old = [entry for device_id in devices for entry in self._unclaimed(store, device_id)]
            now = time.time()
            self._replace_locked(old, merged([*old, *(Entry(0, store, dirty, noted_at=now) for dirty in ranges)]))
            self._bound(store)

    def _bound(self, store: StoreName) -> None:
        for widen in (one_by_device, one_for_all):
            free = [e for e in self._entries.values() if e.store is store and e.id not in self._claimed]
            if len(free) > self._most:
                self._replace_locked(free, widen(free))

    def _replace(self, old: Sequence[Entry], new: Sequence[Entry]) -> None:
        with self._lock:
            self._replace_locked(old, new)

    def _replace_locked(self, old: Sequence[Entry], new: Sequence[Entry]) -> None:
        with self._connection:
            self._connection.executemany("DELETE FROM dirty_ranges WHERE id = ?", [(entry.id,) for entry in old])
            added = [self._insert(entry) for entry in new]
        noted = sum(self._noted.pop(entry.id, 0) for entry in old)
        if added and noted:
            self._noted[added[0].id] = noted
        for entry in old:
            self._entries.pop(entry.id, None)
            self._by_device.get((entry.store, entry.range.device_id), {}).pop(entry.id, None)
        for entry in added:
            self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        self._by_device.setdefault((entry.store, entry.range.device_id), {})[entry.id] = entry

    def _insert(self, entry: Entry) -> Entry:
        dirty = entry.range
        cursor = self._connection.execute(
            f"INSERT INTO dirty_ranges ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?)",
            (entry.store.value, dirty.device_id, *_bounds(dirty), entry.noted_at, dirty.points),
        )
        if cursor.lastrowid is None:
            raise sqlite3.DatabaseError("no row id for a dirty range")
        return replace(entry, id=cursor.lastrowid)

    def _update(self, entry: Entry) -> None:
        with self._lock, self._connection:
            if entry.id not in self._entries:
                # It was claimed while it was joined with others: it is part of theirs.
                return
            self._connection.execute(
                "UPDATE dirty_ranges SET start_us = ?, points = ? WHERE id = ?",
                (entry.range.time_range.start, entry.range.points, entry.id),
            )
            self._remember(entry)

    def _complete_schema(self) -> None:
        if "points" not in {row[1] for row in self._connection.execute("PRAGMA table_info(dirty_ranges)")}:
            with self._connection:
                self._connection.execute(_ADD_POINTS)


def _entry(row: tuple[int, str, int | None, int, int, float, int]) -> Entry:
    identity, store, device_id, start, end, noted_at, points = row
    return Entry(identity, StoreName(store), DirtyRange(device_id, TimeRange(start, end), points), noted_at=noted_at)


def _bounds(dirty: DirtyRange) -> tuple[int, int]:
    return dirty.time_range.start, dirty.time_range.end


def _contains(outer: TimeRange, inner: TimeRange) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
