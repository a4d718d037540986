"""What is under way to both stores is marked on disk before it begins, and for streams nearly always long before."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.migration.in_flight.marks import WritesInFlight
from iotflow_server.migration.in_flight.table import MarkTable
from iotflow_server.migration.merging import GRAIN, bounded
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.in_flight import Spans
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.selection import TimeRange

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOON = 1_767_268_800 * SECOND


def spans(*each: tuple[int, int, int]) -> Spans:
    """Of (device, first, last)."""
    devices, first, last = zip(*sorted(each), strict=True) if each else ((), (), ())
    return Spans(np.array(devices, np.int32), np.array(first, np.int64), np.array(last, np.int64))


def on_disk(path: Path) -> list[tuple[int, int, int]]:
    """What a process finds that starts now."""
    with sqlite3.connect(path) as connection:
        return list(connection.execute("SELECT device_id, start_us, end_us FROM in_flight ORDER BY device_id"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in_flight.sqlite"


@pytest.fixture
async def marks(path: Path) -> AsyncIterator[WritesInFlight]:
    marks = WritesInFlight(path)
    yield marks
    marks.close()


def test_a_frame_spans_the_first_to_the_last_moment_of_each_device() -> None:
    def batch(device_id: int, *timestamps: int) -> Batch:
        column = Column("n", Kind.NUMERIC, np.zeros(len(timestamps)))
        return Batch(device_id, np.array(timestamps, np.int64), (column,))

    found = Spans.of(Frame.of([batch(2, 5, 9), batch(1, 7), batch(2, 1)]).resolved())
    assert (found.device_ids.tolist(), found.first.tolist(), found.last.tolist()) == ([1, 2], [7, 1], [7, 9])


async def test_what_is_written_is_on_disk_before_it_is_written(marks: WritesInFlight, path: Path) -> None:
    async with marks.writing(spans((1, NOON, NOON + 9), (3, NOON + 5, NOON + 6))):
        found = {device: (start, end) for device, start, end in on_disk(path)}
    assert found.keys() == {1, 3}
    assert all(start <= NOON and end > NOON + 9 for start, end in found.values())


class Commits:
    """Tells by a second connection whether the file was changed."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self._last = self._version()

    def since_last(self) -> bool:
        before, self._last = self._last, self._version()
        return self._last != before

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


@pytest.fixture
def commits(marks: WritesInFlight, path: Path) -> Iterator[Commits]:
    commits = Commits(path)
    yield commits
    commits.close()


async def write(marks: WritesInFlight, *each: tuple[int, int, int]) -> None:
    async with marks.writing(spans(*each)):
        pass


async def test_devices_that_go_on_writing_wait_for_the_disk_once(marks: WritesInFlight, commits: Commits) -> None:
    waited = tended = 0
    for half_minute in range(120):
        at = NOON + half_minute * 30 * SECOND
        for offset in range(0, 30 * SECOND, 3 * SECOND):
            await write(marks, *((device, at + offset, at + offset + 9) for device in (1, 2, 3)))
            waited += commits.since_last()
        await marks.tend()
        tended += commits.since_last()
    assert waited == 1
    assert tended <= 60 / 5 + 1


async def test_a_history_waits_for_the_disk_less_and_less(marks: WritesInFlight, commits: Commits) -> None:
    hour, waited = 3_600 * SECOND, []
    for number in range(240):
        await write(marks, (1, NOON + number * hour, NOON + (number + 1) * hour))
        if commits.since_last():
            waited.append(number)
    assert len(waited) < 20
    await marks.tend()
    # Only one that has come to its end asks for more.
    assert waited[-1] - waited[-2] >= 12


async def test_who_goes_back_in_time_is_marked_ahead_too(marks: WritesInFlight, commits: Commits) -> None:
    waited = 0
    for number in range(240):
        await write(marks, (1, NOON - number * 3_600 * SECOND, NOON - number * 3_600 * SECOND + 9))
        waited += commits.since_last()
    assert waited < 20


async def test_a_mark_goes_once_its_device_is_quiet(marks: WritesInFlight, path: Path) -> None:
    await write(marks, (1, NOON, NOON), (2, NOON, NOON))
    for _ in range(3):
        await write(marks, (1, NOON, NOON))
        await marks.tend()
    assert [device for device, _, _ in on_disk(path)] == [1]


async def test_what_is_still_under_way_stays_marked_however_long_it_takes(marks: WritesInFlight, path: Path) -> None:
    async with marks.writing(spans((1, NOON, NOON))):
        for _ in range(5):
            await marks.tend()
        assert len(on_disk(path)) == 1
    for _ in range(3):
        await marks.tend()
    assert on_disk(path) == []


async def test_a_mark_becomes_short_again_after_a_stray_timestamp(marks: WritesInFlight, path: Path) -> None:
    await write(marks, (1, NOON - 365 * DAY, NOON))
    for _ in range(3):
        await write(marks, (1, NOON, NOON))
        await marks.tend()
    ((_, start, end),) = on_disk(path)
    assert end - start < DAY


async def test_a_delete_is_marked_while_it_is_under_way(marks: WritesInFlight, path: Path) -> None:
    await write(marks, (1, NOON, NOON))
    async with marks.deleting([DirtyRange(1, TimeRange(NOON, NOON + DAY))]):
        await marks.tend()
        assert (1, NOON, NOON + DAY) in on_disk(path)
    assert (1, NOON, NOON + DAY) not in on_disk(path)
    assert len(on_disk(path)) == 1


async def test_nothing_is_left_after_an_end_in_good_order(path: Path) -> None:
    marks = WritesInFlight(path)
    marks.start()
    await write(marks, (1, NOON, NOON))
    await marks.stop()
    marks.close()
    assert on_disk(path) == []


async def test_writes_go_on_where_the_disk_is_full_and_are_marked_again_where_it_is_not(
    marks: WritesInFlight, path: Path
) -> None:
    limit = "PRAGMA max_page_count = {}"
    await asyncio.to_thread(marks._file._connection.execute, limit.format(1))
    many = [(device, NOON, NOON) for device in range(1, 2_000)]
    await write(marks, *many)
    assert on_disk(path) == []
    await asyncio.to_thread(marks._file._connection.execute, limit.format(1_000_000))
    await write(marks, *many)
    assert len(on_disk(path)) == len(many)


STEPS = st.lists(
    st.one_of(
        st.lists(st.tuples(st.integers(1, 4), st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=4),
        st.none(),
    ),
    max_size=25,
)


@given(STEPS)
def test_what_counts_as_marked_is_on_disk(steps: list[Sequence[tuple[int, int, int]] | None]) -> None:
    """The table against the rows that a file would have: None is a look at what is in use."""
    table, durable = MarkTable(), dict[int, tuple[int, int]]()
    for step in steps:
        if step is None:
            tending = table.tend([])
            marks, dropped = tending.put, tending.drop.tolist()
        else:
            each = {device: (device, at * DAY, at * DAY + more * GRAIN) for device, at, more in step}
            missing = spans(*each.values())
            missing = missing.only(~table.covered(missing))
            marks, dropped = table.wanted(missing), []
        for device in dropped:
            del durable[device]
        rows = zip(marks.device_ids.tolist(), marks.starts.tolist(), marks.ends.tolist(), strict=True)
        durable |= {device: (start, end) for device, start, end in rows}
        assert_within(table, durable)
        table.put(marks)
        assert_within(table, durable)
        assert step is None or table.covered(spans(*each.values())).all()


def assert_within(table: MarkTable, durable: dict[int, tuple[int, int]]) -> None:
    for row in table._rows:
        start, end = durable[int(row["device"])]
        assert start <= row["start"] < row["end"] <= end


def test_too_many_ranges_become_those_of_every_device() -> None:
    ranges = [DirtyRange(device, TimeRange(start, start + 10)) for device, start in ((1, 0), (2, 5), (3, 100))]
    assert bounded(ranges, 3) == ranges
    assert bounded(ranges, 2) == [DirtyRange(None, TimeRange(0, 15)), DirtyRange(None, TimeRange(100, 110))]
