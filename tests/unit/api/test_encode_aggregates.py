"""Aggregates written as bytes are the messages that they would be."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateTelemetryResponse
from iotflow.telemetry.v1.value_pb2 import Store
from iotflow_server.api.encode_aggregates import aggregate_bytes, aggregate_messages
from iotflow_server.query.aggregate_rows import AggregateRows, AggregateTable
from iotflow_server.query.cells import Cells
from iotflow_server.query.results import Cell
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

moments = st.one_of(
    st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP),
    st.sampled_from([MIN_TIMESTAMP, MAX_TIMESTAMP, 0, 1, -1, 1_000_000, 1_774_000_000_000_000]),
)
numbers = st.one_of(
    st.none(),
    st.floats().map(lambda value: (Kind.NUMERIC, value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (Kind.INTEGER, value)),
    st.sampled_from([(Kind.INTEGER, 0), (Kind.INTEGER, 127), (Kind.INTEGER, 128), (Kind.NUMERIC, -0.0)]),
)
anything = numbers | st.text().map(lambda text: (Kind.TEXT, text)) | st.booleans().map(lambda on: (Kind.BOOLEAN, on))
keys = st.builds(SeriesKey, st.integers(1, 2**31 - 1) | st.integers(1, 200), st.text(min_size=1, max_size=5))


@st.composite
def parts(draw: st.DrawFn, width: int) -> AggregateRows:
    own = sorted(draw(st.sets(keys, min_size=1, max_size=4)))
    series_of = sorted(draw(st.lists(st.integers(0, len(own) - 1), min_size=1, max_size=6)))
    count = len(series_of)

    def listed(of: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(of, min_size=count, max_size=count))

    columns = tuple(Cells.of(listed(draw(st.sampled_from([numbers, anything])))) for _ in range(width))
    begins, ends, is_filled = (np.array(listed(of)) for of in (moments, moments, st.booleans()))
    return AggregateRows(own, np.array(series_of), begins, ends, is_filled, columns)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(parts(width), max_size=3)))
async def test_the_bytes_are_those_of_the_messages(found: list[AggregateRows]) -> None:
    written = AggregateTelemetryResponse.FromString(
        await aggregate_bytes(AggregateTable(tuple(found), StoreName.POSTGRES))
    )
    expected = AggregateTelemetryResponse(served_by=Store.STORE_POSTGRES)
    for part in found:
        expected.rows.extend(aggregate_messages(part))
    assert written.SerializeToString() == expected.SerializeToString()


def table(cells: list[Cell], begin: int = 0) -> AggregateTable:
    count = len(cells)
    begins = np.full(count, begin)
    no = np.zeros(count, np.bool_)
    rows = AggregateRows(
        [SeriesKey(1, "a")], np.zeros(count, np.intp), begins, begins + 1_000_000, no, (Cells.of(cells),)
    )
    return AggregateTable((rows,), StoreName.POSTGRES)


async def test_many_rows_are_all_there_in_order() -> None:
    found = table([(Kind.INTEGER, number) for number in range(10_000)])
    written = AggregateTelemetryResponse.FromString(await aggregate_bytes(found))
    assert [row.values[0].integer for row in written.rows] == list(range(10_000))


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.tuples(
                st.integers(0, 2), st.integers(1 << 28, 1 << 34), st.lists(st.floats(), min_size=width, max_size=width)
            ),
            min_size=1,
            max_size=20,
        )
    ),
    st.lists(keys, min_size=3, max_size=3, unique=True),
)
async def test_doubles_by_the_hour_are_their_messages_too(
    found: list[tuple[int, int, list[float]]], own: list[SeriesKey]
) -> None:
    begins = np.array([second * 1_000_000 for _, second, _ in found])
    columns = tuple(
        Cells.of_kind(Kind.NUMERIC, np.array(each)) for each in zip(*(values for *_, values in found), strict=True)
    )
    series_of, is_filled = np.array(sorted(series for series, *_ in found)), np.zeros(len(found), np.bool_)
    rows = AggregateRows(sorted(own), series_of, begins, begins + 3_600_000_000, is_filled, columns)
    written = await aggregate_bytes(AggregateTable((rows,), StoreName.POSTGRES))
    expected = AggregateTelemetryResponse(rows=aggregate_messages(rows), served_by=Store.STORE_POSTGRES)
    assert written == expected.SerializeToString()


async def test_a_window_without_a_bound_has_none() -> None:
    found = AggregateTelemetryResponse.FromString(await aggregate_bytes(table([(Kind.INTEGER, 0)], MIN_TIMESTAMP)))
    (row,) = found.rows
    assert not row.HasField("window_start")
    assert row.HasField("window_end")
    assert row.values[0].WhichOneof("kind") == "integer"


async def test_no_rows_name_the_store_still() -> None:
    written = await aggregate_bytes(AggregateTable((), StoreName.IOTDB))
    assert AggregateTelemetryResponse.FromString(written) == AggregateTelemetryResponse(served_by=Store.STORE_IOTDB)
