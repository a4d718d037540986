"""The marks on local disk: what may be under way to both stores, whatever happens to this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from iotflow_server.local.durable import open_durable
from iotflow_server.migration.in_flight.table import Marks
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

#: The number of marks of what is written; each delete has one of its own.
WRITTEN: Final = 0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS in_flight (
    number INTEGER NOT NULL,
    device_id INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    PRIMARY KEY (number, device_id)
) STRICT, WITHOUT ROWID
"""
_PUT: Final = "INSERT OR REPLACE INTO in_flight (number, device_id, start_us, end_us) VALUES (?, ?, ?, ?)"


class MarksFile:
    """Marks that survive kill -9 and the loss of power. For one thread at a time; every method waits for the disk.

    A mark is known by its number and its device. Every method may raise sqlite3.Error.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_durable(path, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def ranges(self) -> list[DirtyRange]:
        """All marks."""
        rows = self._connection.execute(
            "SELECT device_id, start_us, end_us FROM in_flight ORDER BY device_id, start_us"
        )
        return [DirtyRange(device, _within_limits(start, end)) for device, start, end in rows]

    def change(self, put: Marks, drop: Sequence[int]) -> None:
        """Replace marks of what is written, and drop those of some devices."""
        columns = (put.device_ids.tolist(), put.starts.tolist(), put.ends.tolist())
        with self._connection:
            self._connection.executemany(
                "DELETE FROM in_flight WHERE number = ? AND device_id = ?", [(WRITTEN, device) for device in drop]
            )
            self._connection.executemany(_PUT, [(WRITTEN, *mark) for mark in zip(*columns, strict=True)])

    def begin_delete(self, number: int, ranges: Sequence[DirtyRange]) -> None:
        """Mark what a delete is about to take away; ``number`` is from 1 on."""
        marks = [(number, each.device_id, each.time_range.start, each.time_range.end) for each in ranges]
        with self._connection:
            self._connection.executemany(_PUT, marks)

    def end_delete(self, number: int) -> None:
        """Drop the marks of a delete."""
        with self._connection:
            self._connection.execute("DELETE FROM in_flight WHERE number = ?", (number,))

    def clear(self) -> None:
        """Drop all marks."""
        with self._connection:
            self._connection.execute("DELETE FROM in_flight")


def _within_limits(start: int, end: int) -> TimeRange:
    return TimeRange(max(start, MIN_TIMESTAMP), min(end, MAX_TIMESTAMP))
