"""Aggregations of both clients, and what becomes of their answers."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from iotflow.telemetry import (
    Aggregates,
    Aggregation,
    BlockingTelemetryClient,
    CalendarUnit,
    Columns,
    Fill,
    InvalidArgumentError,
    OutOfRangeError,
    TelemetryClient,
)

START = datetime(2026, 3, 28, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def filled(blocking: BlockingTelemetryClient, device: int) -> int:
    """A device with a point an hour over three days in spring, the second day's missing."""
    hours = [hour for hour in range(72) if not 23 <= hour < 47]
    columns: dict[str, Any] = {
        "n": np.array(hours) + 2**53,
        "x": np.array(hours) / 8,
        "state": [f"s{hour}" for hour in hours],
    }
    with blocking.write_stream() as stream:
        stream.send(
            Columns(device, [START + hour * HOUR for hour in hours], columns, quality=[hour % 2 for hour in hours])
        )
    return device


def days(device: int, **options: Any) -> dict[str, Any]:
    """Days in Berlin, the first of which has 23 hours."""
    chosen: dict[str, Any] = {"device_ids": [device], "start": START, "end": START + 71 * HOUR}
    return chosen | {"window": "day", "time_zone": "Europe/Berlin"} | options


async def test_windows_are_those_of_the_calendar_and_filled(client: TelemetryClient, filled: int) -> None:
    answer = await client.aggregate(["count", "max"], measurements=["n"], fill=Fill.PREVIOUS, **days(filled))
    assert [(row.window_start, row.window_end) for row in answer.rows] == [
        (START, START + 23 * HOUR),
        (START + 23 * HOUR, START + 47 * HOUR),
        (START + 47 * HOUR, START + 71 * HOUR),
    ]
    assert [row.values[Aggregation.COUNT] for row in answer.rows] == [23, 0, 24]
    assert [row.values[Aggregation.MAX] - 2**53 for row in answer.rows] == [22, 22, 70]
    assert [row.filled for row in answer.rows] == [False, True, False]


def test_the_blocking_client_asks_the_same(blocking: BlockingTelemetryClient, filled: int) -> None:
    chosen = days(filled, window=CalendarUnit.WEEK, order="descending", max_windows=1)
    (row,) = blocking.aggregate(["last", "rate"], measurements=["x"], quality_flags=[1], **chosen).rows
    assert (row.window_start, row.values[Aggregation.LAST]) == (START + 23 * HOUR, 69 / 8)
    assert row.values[Aggregation.RATE] == pytest.approx(1 / 8 / 3600)


async def test_percentiles_come_by_their_number(client: TelemetryClient, filled: int) -> None:
    answer = await client.aggregate(
        ["percentile", "min"], percentiles=[50, 99.9], measurements=["x"], **days(filled, window=None, time_zone="")
    )
    (row,) = answer.rows
    assert list(row.values) == [Aggregation.PERCENTILE, Aggregation.MIN]
    assert list(row.values[Aggregation.PERCENTILE]) == [50.0, 99.9]
    assert list(answer.to_numpy())[-3:] == ["p50", "p99.9", "min"]


async def test_windows_begin_at_an_origin(client: TelemetryClient, filled: int) -> None:
    answer = await client.aggregate(
        ["count"],
        device_ids=[filled],
        measurements=["n"],
        window=2 * HOUR,
        window_origin=START,
        max_windows=2,
    )
    assert [(row.window_start, row.values[Aggregation.COUNT]) for row in answer.rows] == [
        (START, 2),
        (START + 2 * HOUR, 2),
    ]


@pytest.fixture
async def table(client: TelemetryClient, filled: int) -> Aggregates:
    """Three windows, of which the second is empty."""
    return await client.aggregate(["max", "mean", "count"], measurements=["n"], fill="null", **days(filled))


def test_columns_are_masked_where_there_is_no_result(table: Aggregates, filled: int) -> None:
    found = table.to_numpy()
    assert list(found) == ["device_id", "measurement", "window_start", "window_end", "filled", "max", "mean", "count"]
    assert found["device_id"].tolist() == [filled] * 3
    assert found["window_start"].dtype == "datetime64[us]"
    assert found["max"].dtype == np.int64
    assert found["max"].tolist() == [2**53 + 22, None, 2**53 + 70]
    assert found["mean"].dtype == np.float64
    assert found["count"].tolist() == [23, 0, 24]


def test_a_data_frame_keeps_integers_and_gaps(table: Aggregates, filled: int) -> None:
    frame = table.to_pandas()
    assert frame.index.names == ["device_id", "measurement", "window_start"]
    assert frame.index[1] == (filled, "n", START + 23 * HOUR)
    assert frame["max"].iloc[2] == 2**53 + 70
    assert frame["max"].isna().tolist() == [False, True, False]
    assert math.isnan(frame["mean"].iloc[1])


def test_an_arrow_table_keeps_integers_and_gaps(table: Aggregates) -> None:
    found = table.to_arrow()
    assert {field.name: str(field.type) for field in found.schema} == {
        "device_id": "int32",
        "measurement": "string",
        "window_start": "timestamp[us, tz=UTC]",
        "window_end": "timestamp[us, tz=UTC]",
        "filled": "bool",
        "max": "int64",
        "mean": "double",
        "count": "int64",
    }
    assert found["max"].to_pylist() == [2**53 + 22, None, 2**53 + 70]
    assert found["window_start"].to_pylist()[0] == START


async def test_text_json_and_no_bounds_fit_tables(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        await stream.send(Columns(device, [START], {"a": [{"k": 1}], "b": [[1]]}))
    answer = await client.aggregate(["first"], device_ids=[device])
    assert answer.to_arrow()["first"].to_pylist() == ['{"k": 1}', "[1]"]
    assert answer.to_arrow()["window_start"].null_count == 2
    assert answer.to_pandas()["first"].tolist() == [{"k": 1}, [1]]


async def test_results_of_several_types_fit_no_arrow_column(client: TelemetryClient, filled: int) -> None:
    answer = await client.aggregate(["last"], device_ids=[filled])
    assert answer.to_pandas()["last"].tolist() == [2**53 + 71, "s71", 71 / 8]
    with pytest.raises(ValueError, match="last holds values of several types"):
        answer.to_arrow()


async def test_an_empty_answer_makes_empty_tables(client: TelemetryClient) -> None:
    answer = await client.aggregate(["mean"], device_ids=[2_000_000_000])
    assert (len(answer.to_pandas()), answer.to_arrow().num_rows) == (0, 0)


async def test_without_pyarrow_the_error_names_the_extra(table: Aggregates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"iotflow-telemetry\[arrow\]"):
        table.to_arrow()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"window": "fortnight"}, "window"),
        ({"window": HOUR}, "time_zone"),
        ({"time_zone": "Europe/Atlantis"}, "calendar_window.time_zone"),
        ({"fill": "zero"}, "fill"),
        ({"percentiles": ["many"]}, "percentiles[0]"),
        ({"percentiles": "50"}, "percentiles"),
        ({"percentiles": [50]}, "percentiles"),
        ({"quality_flags": 3}, "quality_flags"),
        ({"quality_flags": [2**31]}, "quality_flags[0]"),
        ({"max_windows": -1}, "max_windows"),
        ({"window": 100 * HOUR, "time_zone": ""}, "window"),
        ({"end": None, "fill": "null"}, "filter.end_time"),
    ],
)
async def test_a_wrong_option_is_named(
    client: TelemetryClient, filled: int, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refusal:
        await client.aggregate(["max"], **days(filled, **options))
    assert [violation.field for violation in refusal.value.violations] == [field]


async def test_a_duration_in_words_is_told_what_would_be_right(client: TelemetryClient, filled: int) -> None:
    with pytest.raises(InvalidArgumentError, match="none of day, week, month, year, and a duration is a timedelta"):
        await client.aggregate(["max"], **days(filled, window="1h"))


async def test_what_a_series_does_not_have_is_refused_by_its_name(client: TelemetryClient, filled: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"MEAN needs numbers, but the series 'state' of device {filled}"):
        await client.aggregate(["mean"], **days(filled))


async def test_a_sum_beyond_64_bits_is_out_of_range(client: TelemetryClient, device: int) -> None:
    async with client.write_stream() as stream:
        await stream.send(Columns(device, [START, START + HOUR], {"n": [2**63 - 1, -(2**63)]}))
    assert (await client.aggregate(["sum"], device_ids=[device])).rows[0].values == {"sum": -1}
    with pytest.raises(OutOfRangeError, match="the RANGE of the series 'n'"):
        await client.aggregate(["range"], device_ids=[device])


async def test_fill_that_makes_too_many_rows_is_refused(client: TelemetryClient, filled: int) -> None:
    short = days(filled, window=timedelta(milliseconds=1), time_zone="", fill="null")
    with pytest.raises(InvalidArgumentError, match="more than 100000 rows"):
        await client.aggregate(["count"], **short)
