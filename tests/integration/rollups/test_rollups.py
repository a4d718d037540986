"""Aggregates from figures of hours are those of points, to the last bit, whatever was written since."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregation import MERGEABLE
from iotflow_server.query.calendar_windows import CalendarUnit, CalendarWindows
from iotflow_server.query.errors import AggregateOverflowError, QueryTooLargeError
from iotflow_server.query.results import Aggregation
from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.postgres.rollup_reader import of_day
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.rollups import DAY, HOUR, Figure
from iotflow_server.stores.selection import Selection, TimeRange
from tests.conformance.answers import comparable
from tests.conformance.questions import calendar
from tests.support.batches import batch_of, point
from tests.support.postgres import database, opened
from tests.support.rollups import engine_on, refresh, refresher_of

FIRST: Final = 1_774_000_000_000_000 // DAY * DAY
DAYS: Final = 4
ALL: Final = tuple(each for each in Aggregation if each in MERGEABLE)

_numbers = itertools.count(random.randrange(1, 2**30))

moments = st.one_of(
    st.integers(0, 24 * DAYS).map(lambda hour: FIRST + hour * HOUR),
    st.integers(-DAY, DAYS * DAY).map(lambda offset: FIRST + offset),
    st.integers(0, 50).map(lambda tick: FIRST + DAY + tick * 60_000_000),
)
VALUES: Final = {
    "x": st.floats(),
    "y": st.floats(-1e3, 1e3),
    "n": st.integers(-(2**40), 2**40) | st.sampled_from([2**63 - 1, -(2**63)]),
    "mixed": st.integers(-5, 5) | st.floats(-5, 5),
    "text": st.sampled_from(["a", "b"]),
}


@dataclass(frozen=True)
class Delete:
    selection: Selection


@dataclass(frozen=True)
class Refresh:
    """So many steps."""

    steps: int


@st.composite
def writes(draw: st.DrawFn) -> Batch:
    """A batch of one series, since a series may change its kind."""
    name = draw(st.sampled_from(sorted(VALUES)))
    rows = sorted(draw(st.sets(moments, min_size=1, max_size=12)))
    of_one_kind = VALUES[name]
    first = draw(of_one_kind)
    cells = [first] + [draw(of_one_kind.filter(lambda each: type(each) is type(first))) for _ in rows[1:]]
    return batch_of(draw(st.integers(0, 1)), rows, {name: cells})


days = st.integers(-1, DAYS + 1).map(lambda number: FIRST + number * DAY)
ranges = st.one_of(
    *(st.tuples(days, ends).map(sorted).map(lambda pair: TimeRange(*pair)) for ends in (days, moments)),
    st.tuples(moments, moments).map(sorted).map(lambda pair: TimeRange(*pair)),
    st.just(TimeRange(FIRST - DAY)),
)
devices = st.sampled_from([(0,), (1,), (0, 1)])
deletes = st.builds(Selection, devices, st.sampled_from([None, ("x",), ("y", "n")]), ranges).map(Delete)
steps = st.one_of(writes(), writes(), writes(), deletes, st.integers(1, 3).map(Refresh), st.just(Refresh(99)))
windowings = st.one_of(
    st.none(),
    st.sampled_from([FixedWindows(HOUR), FixedWindows(DAY), FixedWindows(5 * HOUR, HOUR), FixedWindows(5 * HOUR, 7)]),
    st.just(FixedWindows(3 * DAY, DAY)),
    st.sampled_from(CalendarUnit).map(lambda unit: CalendarWindows(unit, ZoneInfo("UTC"))),
    calendar,
)
names = st.sampled_from([("x",), ("y",), ("n",), ("mixed",), ("x", "n", "y"), None])


@st.composite
def queries(draw: st.DrawFn) -> tuple[Selection, AggregateQuery]:
    measurements = draw(names)
    wanted = ALL if measurements else (Aggregation.COUNT, Aggregation.FIRST, Aggregation.LAST)
    if draw(st.booleans()):
        wanted = tuple(each for each in wanted if each not in (Aggregation.SUM, Aggregation.RANGE))
    query = AggregateQuery(wanted, draw(windowings), descending=draw(st.booleans()))
    return Selection(draw(devices), measurements, draw(ranges)), query


@pytest.fixture(scope="module")
async def dsn(postgres_server: LocalPostgres) -> AsyncIterator[str]:
    async with database(postgres_server) as dsn:
        yield dsn


@pytest.fixture(scope="module")
async def store(dsn: str) -> AsyncIterator[PostgresStore]:
    async with opened(dsn, {}) as store:
        yield store


@pytest.fixture
async def other_store(dsn: str) -> AsyncIterator[PostgresStore]:
    """The store of another process."""
    async with opened(dsn, {}) as store:
        yield store


async def rows(store: PostgresStore, selection: Selection, query: AggregateQuery, *, rollups: bool = True) -> Any:
    try:
        table = await engine_on(store, rollups=rollups).aggregate(selection, query)
    except AggregateOverflowError:
        return "overflow"
    return [replace(row, values=tuple(map(comparable, row.values))) for row in table.rows]


def moved(selection: Selection, first: int) -> Selection:
    return replace(selection, device_ids=tuple(first + device for device in selection.device_ids))


async def run(store: PostgresStore, step: Batch | Delete | Refresh, first: int) -> None:
    if isinstance(step, Batch):
        await store.write([replace(step, device_id=first + step.device_id)])
    elif isinstance(step, Delete):
        await store.delete(moved(step.selection, first))
    else:
        refresher = refresher_of(store)
        async with store.rollup_work() as work:
            for _ in range(step.steps):
                await refresher.extend(work)
                if await refresher.refresh(work) is None:
                    return


@pytest.mark.timeout(600)
@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(steps, min_size=2, max_size=10), st.lists(queries(), min_size=1, max_size=6))
async def test_answers_are_those_of_points(
    store: PostgresStore, program: list[Batch | Delete | Refresh], asked: list[tuple[Selection, AggregateQuery]]
) -> None:
    first = next(_numbers)
    next(_numbers)
    for step in program:
        await run(store, step, first)
        for selection, query in asked:
            chosen = moved(selection, first)
            assert await rows(store, chosen, query) == await rows(store, chosen, query, rollups=False)


HOURLY: Final = AggregateQuery(ALL, FixedWindows(HOUR))
DAILY: Final = AggregateQuery(ALL, FixedWindows(DAY))


def day_of(device: int, seed: int = 0) -> Batch:
    """A point for each minute of a day."""
    values = np.random.default_rng(seed).normal(size=1_440).cumsum()
    return batch_of(device, range(FIRST, FIRST + DAY, DAY // 1_440), {"x": values.tolist()})


async def rolled(dsn: str, device: int) -> int:
    connection = await asyncpg.connect(dsn)
    found: int = await connection.fetchval("SELECT count(*) FROM telemetry_rollups WHERE device_id = $1", device)
    await connection.close()
    return found


@pytest.mark.parametrize(("query", "count"), [(HOURLY, 24), (DAILY, 1)])
async def test_figures_are_used_for_what_they_hold(
    store: PostgresStore, dsn: str, query: AggregateQuery, count: int
) -> None:
    device = next(_numbers)
    await store.write([day_of(device)])
    await refresh(store)
    asked = Selection((device,), None, TimeRange(FIRST, FIRST + DAY))
    before = await rows(store, asked, query)
    assert len(before) == count
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER TABLE telemetry_data DISABLE TRIGGER mark_what_is_not")
    await connection.execute("DELETE FROM telemetry_data WHERE device_id = $1", device)
    await connection.execute("ALTER TABLE telemetry_data ENABLE TRIGGER mark_what_is_not")
    await connection.close()
    assert await rows(store, asked, query) == before


async def test_whole_days_are_not_made_of_hours(store: PostgresStore, dsn: str) -> None:
    device = next(_numbers)
    await store.write([day_of(device)])
    await refresh(store)
    asked = Selection((device,), None, TimeRange(FIRST, FIRST + DAY))
    before = await rows(store, asked, DAILY)
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE telemetry_rollups SET hours = 0, counts = '' WHERE device_id = $1", device)
    await connection.close()
    assert await rows(store, asked, HOURLY) == []
    assert await rows(store, asked, DAILY) == before


async def test_hours_do_where_days_have_no_figures_yet(store: PostgresStore, dsn: str) -> None:
    """Of two days one has none, as those that were computed by an older server."""
    device = next(_numbers)
    later = day_of(device, 1)
    await store.write([day_of(device), replace(later, timestamps=later.timestamps + DAY)])
    await refresh(store)
    connection = await asyncpg.connect(dsn)
    without = ", ".join(f"{of_day(figure)} = NULL" for figure in Figure)
    first = datetime.fromtimestamp(FIRST / 1e6, UTC)
    await connection.execute(f"UPDATE telemetry_rollups SET {without} WHERE device_id = $1 AND day = $2", device, first)
    await connection.close()
    asked = Selection((device,), None, TimeRange(FIRST, FIRST + 2 * DAY))
    found = await rows(store, asked, DAILY)
    assert len(found) == 2
    assert found == await rows(store, asked, DAILY, rollups=False)


async def test_ranges_without_bounds(store: PostgresStore) -> None:
    device = next(_numbers)
    moments = [-HOUR - 7, -5, 3, FIRST, FIRST + 1]
    await store.write([batch_of(device, moments, {"x": [1.0, 2.0, 3.0, 4.0, 5.0]})])
    await refresh(store)
    for query in (HOURLY, DAILY, AggregateQuery(ALL)):
        asked = Selection((device,))
        found = await rows(store, asked, query)
        assert found
        assert found == await rows(store, asked, query, rollups=False)


@pytest.mark.parametrize("marked", [(), (0,), (1, 2, 5, 9), tuple(range(0, 24, 2)), tuple(range(4, 24))])
async def test_devices_of_which_some_have_changed_since(store: PostgresStore, marked: tuple[int, ...]) -> None:
    """Others stand between them, some with text, some with two series, one without any."""
    devices = [next(_numbers) for _ in range(24)]
    first = devices[0]
    await store.write([replace(day_of(device, device), device_id=device) for device in devices if device != first + 3])
    await store.write([batch_of(first + 4, [FIRST + 1], {"text": ["a"]}), batch_of(first + 7, [FIRST], {"n": [7]})])
    await refresh(store)
    changes = [batch_of(first + place, [FIRST + 5 * HOUR + 1], {"x": [1e6]}) for place in marked]
    if changes:
        await store.write(changes)
    counted = AggregateQuery((Aggregation.COUNT, Aggregation.LAST), FixedWindows(HOUR))
    for names, query in ((("x",), HOURLY), (("x", "n"), DAILY), (None, counted)):
        asked = Selection(tuple(devices), names, TimeRange(FIRST, FIRST + DAY))
        found = await rows(store, asked, query)
        assert len({row.device_id for row in found}) == 23
        assert found == await rows(store, asked, query, rollups=False)
    engine = engine_on(store, max_rows=23 * 24 - 1)
    with pytest.raises(QueryTooLargeError):
        await engine.aggregate(Selection(tuple(devices), ("x",), TimeRange(FIRST, FIRST + DAY)), HOURLY)


async def test_sql_by_hand_makes_figures_a_thing_of_the_past(store: PostgresStore, dsn: str) -> None:
    device = next(_numbers)
    await store.write([day_of(device)])
    await refresh(store)
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE telemetry_data SET numeric_value = 7 WHERE device_id = $1", device)
    await connection.close()
    asked = Selection((device,), None, TimeRange(FIRST, FIRST + DAY))
    expected = await rows(store, asked, HOURLY, rollups=False)
    assert await rows(store, asked, HOURLY) == expected
    await refresh(store)
    assert await rows(store, asked, HOURLY) == expected


async def test_writers_of_other_processes_are_never_missed(
    store: PostgresStore, other_store: PostgresStore, dsn: str
) -> None:
    """While two processes write, delete and refresh, no answer is other than that of the points."""
    first = next(_numbers)
    devices = [first, *(next(_numbers) for _ in range(3))]
    is_over = asyncio.Event()

    async def write(through: PostgresStore, seed: int) -> None:
        chance = random.Random(seed)
        for number in range(40):
            moment = FIRST + chance.randrange(3 * DAY)
            await through.write([point(chance.choice(devices), moment, "x", float(number))])
            if chance.random() < 0.2:
                gap = TimeRange(moment, moment + HOUR)
                await through.delete(Selection((chance.choice(devices),), None, gap))

    async def refresh_on() -> None:
        while not is_over.is_set():
            await refresh(other_store)

    refreshing = asyncio.create_task(refresh_on())
    await asyncio.gather(write(store, 1), write(other_store, 2), write(store, 3))
    is_over.set()
    await refreshing
    asked = Selection(tuple(devices), None, TimeRange(FIRST, FIRST + 3 * DAY))
    expected = await rows(store, asked, HOURLY, rollups=False)
    assert await rows(store, asked, HOURLY) == expected
    await refresh(store)
    assert await rows(other_store, asked, HOURLY) == expected


async def test_a_refresher_that_is_killed_leaves_nothing_half_done(store: PostgresStore, dsn: str) -> None:
    device = next(_numbers)
    await store.write([day_of(device)])
    asked = Selection((device,), None, TimeRange(FIRST, FIRST + DAY))
    expected = await rows(store, asked, HOURLY, rollups=False)
    connection = await asyncpg.connect(dsn)
    for _ in range(5):
        step = asyncio.create_task(refresh(store))
        await asyncio.sleep(random.random() / 20)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'iotflow-rollups'"
            " AND datname = current_database()"
        )
        await asyncio.gather(step, return_exceptions=True)
        assert await rows(store, asked, HOURLY) == expected
    await connection.close()
    await refresh(store)
    assert await rolled(dsn, device) == 1
    assert await rows(store, asked, HOURLY) == expected
