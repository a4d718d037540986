from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from iotflow_server.migration.journal import DirtyJournal
from iotflow_server.migration.merging import NEAR
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import TimeRange

POSTGRES, IOTDB = StoreName.POSTGRES, StoreName.IOTDB


def dirty(device_id: int | None, start: int, end: int, points: int = 0) -> DirtyRange:
    return DirtyRange(device_id, TimeRange(start, end), points)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[DirtyJournal]:
    journal = DirtyJournal(tmp_path / "dirty.sqlite")
    yield journal
    journal.close()


async def test_ranges_survive_a_new_start(journal: DirtyJournal, tmp_path: Path) -> None:
    await journal.add(POSTGRES, [dirty(1, 0, 10), dirty(2, 5, 6)])
    again = DirtyJournal(tmp_path / "dirty.sqlite")
    assert again.dirt()[POSTGRES].ranges == 2
    assert again.dirt()[IOTDB].ranges == 0
    again.close()


async def test_ranges_of_a_device_that_are_near_one_another_become_one(journal: DirtyJournal) -> None:
    await journal.add(POSTGRES, [dirty(1, 0, 10)])
    await journal.add(POSTGRES, [dirty(1, 30, 40), dirty(1, 2 * NEAR, 2 * NEAR + 1), dirty(2, 0, 5)])
    assert journal.dirt()[POSTGRES].ranges == 3
    await journal.add(POSTGRES, [dirty(1, 35, NEAR)])
    assert journal.dirt()[POSTGRES].ranges == 2
    entry = await journal.claim([POSTGRES])
    assert entry is not None
    assert entry.range in (dirty(1, 0, 2 * NEAR + 1), dirty(2, 0, 5))


async def test_what_lies_within_a_recorded_range_is_recorded_already(journal: DirtyJournal) -> None:
    await journal.add_everything(POSTGRES)
    await journal.add(POSTGRES, [dirty(7, 1, 2)])
    assert journal.dirt()[POSTGRES].ranges == 1


async def test_a_claim_goes_through_ranges_while_others_are_added(journal: DirtyJournal) -> None:
    many = [dirty(device, 0, 10) for device in range(2_000)]
    await journal.add(POSTGRES, many)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        adding = [asyncio.create_task(journal.add(POSTGRES, [dirty(device, 0, 10)])) for device in range(2_000, 2_100)]
        while not all(task.done() for task in adding):
            assert await journal.claim([POSTGRES], besides=range(10_000)) is None
            await asyncio.sleep(0)
    finally:
        sys.setswitchinterval(before)
    assert await journal.count(POSTGRES) == 2_100


async def test_what_is_added_during_a_repair_outlives_it(journal: DirtyJournal) -> None:
    await journal.add(POSTGRES, [dirty(1, 0, 100)])
    entry = await journal.claim([POSTGRES])
    assert entry is not None
    entry = await journal.shrink(entry, 50)
    await journal.add(POSTGRES, [dirty(1, 10, 20)])
    await journal.split(entry, [])
    left = await journal.claim([POSTGRES])
    assert left is not None
    assert left.range == dirty(1, 10, 20)


async def test_progress_survives_a_new_start(journal: DirtyJournal, tmp_path: Path) -> None:
    await journal.add(POSTGRES, [dirty(1, 0, 100)])
    entry = await journal.claim([POSTGRES])
    assert entry is not None
    await journal.shrink(entry, 60)
    again = DirtyJournal(tmp_path / "dirty.sqlite")
    resumed = await again.claim([POSTGRES])
    assert resumed is not None
    assert resumed.range == dirty(1, 60, 100)
    again.close()


async def test_only_ranges_of_the_asked_stores_are_claimed(journal: DirtyJournal) -> None:
    await journal.add(IOTDB, [dirty(1, 0, 1)])
    assert await journal.claim([POSTGRES]) is None
    await journal.forget(IOTDB)
    assert await journal.claim([IOTDB, POSTGRES]) is None


async def test_a_copy_is_not_repaired_from_a_primary_that_may_lack_something_of_the_device(
    journal: DirtyJournal,
) -> None:
    await journal.add_everything(POSTGRES)
    await journal.add(IOTDB, [dirty(1, 0, 10), dirty(2, 0, 10)])
    everything = await journal.claim([POSTGRES, IOTDB])
    assert everything is not None
    # As the repair does: the parts come after the ranges of the copy.
    await journal.split(everything, [dirty(1, 0, 100)])
    first = await journal.claim([POSTGRES, IOTDB])
    assert first is not None
    assert (first.store, first.range) == (POSTGRES, dirty(1, 0, 100))
    other = await journal.claim([POSTGRES, IOTDB], besides={first.id})
    assert other is not None
    assert (other.store, other.range) == (IOTDB, dirty(2, 0, 10))
    await journal.split(first, [])
    last = await journal.claim([POSTGRES, IOTDB])
    assert last is not None
    assert (last.store, last.range) == (IOTDB, dirty(1, 0, 10))


async def test_points_are_counted_in_what_is_recorded_already_too(journal: DirtyJournal, tmp_path: Path) -> None:
    await journal.add(POSTGRES, [dirty(1, 0, 100, 10), dirty(2, 0, 100, 1)])
    await journal.add(POSTGRES, [dirty(1, 10, 20, 5)])
    assert journal.dirt()[POSTGRES].points == 16
    await journal.add(POSTGRES, [dirty(1, 90, 110, 4)])
    assert journal.dirt()[POSTGRES].points == 20
    again = DirtyJournal(tmp_path / "dirty.sqlite")
    assert again.dirt()[POSTGRES].points == 15, "only what was recorded by a range of its own survives"
    again.close()


async def test_of_a_range_that_is_half_repaired_half_of_the_points_are_left(journal: DirtyJournal) -> None:
    await journal.add(POSTGRES, [dirty(1, 0, 100, 10)])
    entry = await journal.claim([POSTGRES])
    assert entry is not None
    entry = await journal.shrink(entry, 50)
    assert journal.dirt()[POSTGRES].points == 5
    await journal.split(entry, [])
    assert journal.dirt()[POSTGRES].points == 0


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dirty.sqlite"
    with closing(sqlite3.connect(path)) as old, old:
        old.execute(
            "CREATE TABLE dirty_ranges (id INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, device_id INTEGER, "
            "start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, noted_at REAL NOT NULL) STRICT"
        )
        old.execute("INSERT INTO dirty_ranges VALUES (1, 'postgres', 7, 0, 10, 1.5)")
    journal = DirtyJournal(path)
    dirt = journal.dirt()[POSTGRES]
    assert (dirt.ranges, dirt.points) == (1, 0)
    journal.close()


async def test_a_claim_beside_what_is_added_claims_nothing_that_is_gone(tmp_path: Path) -> None:
    journal = DirtyJournal(tmp_path / "dirty.sqlite")
    await journal.add(POSTGRES, [dirty(1, 0, 100)])
    # As the thread does that adds, the repairer's claim coming between its look and its change.
    old = journal._unclaimed(POSTGRES, 1)
    entry = await journal.claim([POSTGRES])
    assert entry is not None
    journal._replace(old, [replace(each, range=dirty(1, 0, 110)) for each in old])
    entry = await journal.shrink(entry, 50)
    await journal.release(entry)
    known = journal.dirt()[POSTGRES].ranges
    journal.close()
    again = DirtyJournal(tmp_path / "dirty.sqlite")
    assert again.dirt()[POSTGRES].ranges == known
    again.close()
