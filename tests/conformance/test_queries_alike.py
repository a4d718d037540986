"""Every store gives every answer that a generated set of data has, to the last bit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.engine import QueryEngine
from iotflow_server.query.errors import QueryError
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import SeriesInfo, TelemetryStore
from tests.conformance import questions
from tests.conformance.answers import comparable
from tests.conformance.dataset import DEVICES, NUMBERS, Dataset, load
from tests.conformance.expected import table
from tests.conformance.reading import NewDevice, Stores, facts
from tests.support.batches import collect, exact, listed, points_of
from tests.support.rollups import refresh

MAX_ROWS = 2_000
#: How many sets of data are asked; the seed of the run draws them.
DATASETS = 30
#: How many questions of each kind are asked; 2,150 in all.
AGGREGATIONS, PAGES, STREAMS, PLOTS, LATEST, LISTS = 1_100, 200, 400, 250, 150, 50


def asked(count: int) -> settings:
    """So many questions of the data sets, which no question changes."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(max_examples=count, suppress_health_check=checks)


class Datasets:
    """Sets of data, each made in all stores when it is first asked for."""

    def __init__(self, stores: Stores, new_device: NewDevice, seed: int) -> None:
        self._stores = stores
        self._new_device = new_device
        self._seed = seed
        self._made: dict[int, Dataset] = {}

    async def numbered(self, number: int) -> Dataset:
        """The data set of a number below ``DATASETS``."""
        if number not in self._made:
            self._made[number] = await self._make(random.Random(f"{self._seed} {number}"))
        return self._made[number]

    async def _make(self, chance: random.Random) -> Dataset:
        devices = tuple(self._new_device(owner) for owner in (0, 7, 7, 8))
        dataset = await load(self._stores, devices, chance)
        # All that were made before are asked with figures of their hours, of the last one often points alone.
        if chance.random() < 0.7:
            for store in self._stores:
                if isinstance(store, PostgresStore):
                    await refresh(store)
        return dataset


numbers = st.integers(0, DATASETS - 1)


@pytest.fixture(scope="module")
def engines(stores: Stores) -> list[QueryEngine]:
    """An engine on each store."""
    return [engine_on(store) for store in stores]


def engine_on(store: TelemetryStore) -> QueryEngine:
    return QueryEngine(lambda: store, max_page_bytes=1 << 20, max_aggregate_points=10_000, max_aggregate_rows=MAX_ROWS)


@pytest.fixture(scope="module")
def datasets(stores: Stores, new_device: NewDevice, run_seed: int) -> Datasets:
    """The data sets, in all stores."""
    return Datasets(stores, new_device, run_seed)


async def answers(engines: list[QueryEngine], ask: Callable[[QueryEngine], Coroutine[Any, Any, Any]]) -> list[Any]:
    """What each store answers, or the name of its error."""

    async def answer(engine: QueryEngine) -> Any:
        try:
            return await ask(engine)
        except QueryError as error:
            return type(error).__name__

    return await asyncio.gather(*(answer(engine) for engine in engines))


def real(dataset: Dataset, selection: Selection) -> Selection:
    """A selection of the devices that questions number; one number more than there are is a device without points."""
    devices = (*dataset.devices, 2**31 - 1)
    assert len(devices) == DEVICES + 1
    return replace(selection, device_ids=tuple(devices[number] for number in selection.device_ids))


@pytest.mark.timeout(600)
@asked(AGGREGATIONS)
@given(numbers, questions.aggregations())
async def test_aggregates(
    datasets: Datasets, engines: list[QueryEngine], number: int, question: tuple[Selection, AggregateQuery]
) -> None:
    dataset = await datasets.numbered(number)
    selection, query = real(dataset, question[0]), question[1]

    async def ask(engine: QueryEngine) -> Any:
        rows = (await engine.aggregate(selection, query)).rows
        return [
            (row.device_id, row.measurement, row.window_start, row.window_end, values, row.is_filled)
            for row in rows
            for values in [tuple(map(comparable, row.values))]
        ]

    expected = table(dataset, selection, query, MAX_ROWS)
    for found in await answers(engines, ask):
        assert found == expected


def points_in_order(dataset: Dataset, selection: Selection, reading: dict[str, Any]) -> list[Any]:
    """The points of a range, each with its record's metadata and quality."""
    found = [
        (((moment, device_id, name), (kind, exact(kind, value))), _facts(dataset, device_id, moment))
        for (device_id, name), points in dataset.selected(selection, reading["quality"]).items()
        for moment, (kind, value) in points.items()
    ]
    found.sort(key=lambda each: each[0][0], reverse=reading["descending"])
    moments = list(dict.fromkeys(key[0] for (key, _), _ in found))[: reading["max_timestamps"]]
    return [each for each in found if each[0][0][0] in moments]


def _facts(dataset: Dataset, device_id: int, moment: int) -> Any:
    metadata = dataset.metadata(device_id, moment)
    return {key: (kind, exact(kind, value)) for key, (kind, value) in metadata.items()}, dataset.quality(
        device_id, moment
    )


@pytest.mark.timeout(600)
@asked(PAGES)
@given(numbers, questions.selections, questions.readings, st.integers(50, 400))
async def test_pages(
    datasets: Datasets,
    engines: list[QueryEngine],
    number: int,
    selection: Selection,
    reading: dict[str, Any],
    size: int,
) -> None:
    dataset = await datasets.numbered(number)
    chosen = real(dataset, selection)

    async def ask(engine: QueryEngine) -> Any:
        found: list[Any] = []
        token = ""
        while True:
            page = await engine.page(chosen, page_size=size, token=token, **reading)
            found += zip(listed(page.points), facts(page.points), strict=True)
            token = page.next_token
            if not token:
                return found

    expected = points_in_order(dataset, chosen, reading)
    for found in await answers(engines, ask):
        assert found == expected


@pytest.mark.timeout(600)
@asked(STREAMS)
@given(numbers, questions.selections, questions.readings)
async def test_streams(
    datasets: Datasets, engines: list[QueryEngine], number: int, selection: Selection, reading: dict[str, Any]
) -> None:
    dataset = await datasets.numbered(number)
    chosen = real(dataset, selection)

    async def ask(engine: QueryEngine) -> Any:
        _, batches = engine.stream(chosen, **reading)
        return points_of(await collect(batches, descending=reading["descending"]))

    expected: dict[Any, Any] = {}
    for device_id in chosen.device_ids:
        points = points_in_order(dataset, replace(chosen, device_ids=(device_id,)), reading)
        expected |= {key: value for (key, value), _ in points}
        for moment in {key[0] for (key, _), _ in points}:
            expected |= _metadata_of(dataset, device_id, moment)
    for found in await answers(engines, ask):
        assert found == expected


def _metadata_of(dataset: Dataset, device_id: int, moment: int) -> Any:
    names = ("meta_line", "meta_quality_flag")
    found = {name: dataset.values.get((device_id, name), {}).get(moment) for name in names}
    return {(moment, device_id, name): value for name, value in found.items() if value is not None}


@pytest.mark.timeout(600)
@asked(PLOTS)
@given(numbers, questions.selections, questions.numbers | st.none(), questions.downsamplings, questions.readings)
async def test_plots(
    datasets: Datasets,
    engines: list[QueryEngine],
    number: int,
    selection: Selection,
    names: tuple[str, ...] | None,
    downsampling: Downsampling,
    reading: dict[str, Any],
) -> None:
    dataset = await datasets.numbered(number)
    chosen = real(dataset, replace(selection, measurements=names))
    options = {"descending": reading["descending"], "quality": reading["quality"]}

    async def ask(engine: QueryEngine) -> Any:
        _, batches = engine.downsample(chosen, downsampling, **options)
        return points_of(await collect(batches, descending=options["descending"]))

    series = dataset.selected(chosen, options["quality"])
    one, *others = await answers(engines, ask)
    assert all(other == one for other in others)
    if not all(name in NUMBERS for _, name in series):
        assert one == "DownsamplingTypeError"
        return
    whole = {
        (moment, *key): (kind, exact(kind, value))
        for key, points in series.items()
        for moment, (kind, value) in points.items()
    }
    assert one.items() <= whole.items()
    for key in series:
        count = sum(found[1:] == key for found in one)
        assert count <= downsampling.max_points


@pytest.mark.timeout(600)
@asked(LATEST)
@given(numbers, questions.selections)
async def test_latest(datasets: Datasets, engines: list[QueryEngine], number: int, selection: Selection) -> None:
    dataset = await datasets.numbered(number)
    chosen = real(dataset, selection)

    async def ask(engine: QueryEngine) -> Any:
        points = (await engine.latest(chosen)).points
        return list(zip(listed(points), facts(points), strict=True))

    expected = []
    for (device_id, name), points in dataset.selected(chosen).items():
        moment = max(points)
        kind, value = points[moment]
        expected.append((((moment, device_id, name), (kind, exact(kind, value))), _facts(dataset, device_id, moment)))
    for found in await answers(engines, ask):
        assert found == expected


@pytest.mark.timeout(600)
@asked(LISTS)
@given(numbers, questions.devices, st.booleans())
async def test_lists_of_series(
    datasets: Datasets, engines: list[QueryEngine], number: int, devices: tuple[int, ...], counted: bool
) -> None:
    dataset = await datasets.numbered(number)
    chosen = real(dataset, Selection(devices))

    async def ask(engine: QueryEngine) -> Any:
        return list((await engine.series(chosen.device_ids, count_points=counted)).series)

    expected = [
        SeriesInfo(device_id, name, kind, min(points), max(points), len(points) if counted else None)
        for (device_id, name), points in dataset.selected(chosen).items()
        for kind, _ in [points[min(points)]]
    ]
    for found in await answers(engines, ask):
        assert found == expected
