"""Aggregations: the request, and rows of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._arrow import table_of
from iotflow.telemetry._enums import Aggregation, CalendarUnit, Fill, Order, Store, number_of, word_of
from iotflow.telemetry._errors import InvalidArgumentError, invalid
from iotflow.telemetry._pandas import indexed_frame
from iotflow.telemetry._records import int32
from iotflow.telemetry._tables import masked, moments_array
from iotflow.telemetry._times import Moment, duration_message, moment_of, timestamp_message
from iotflow.telemetry._values import decode_value
from iotflow.telemetry.v1 import telemetry_service_pb2 as pb

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """Aggregates of one series in one window [window_start, window_end).

    The bounds are None where the range has none and no window was asked for. A value is None where there is none;
    that of "percentile" is a dict with a value for each percentile. ``filled`` windows hold no point.
    """

    device_id: int
    measurement: str
    window_start: datetime | None
    window_end: datetime | None
    values: dict[Aggregation, Any]
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Rows ordered by device and measurement, then windows in the order asked for.

    As a table they have the columns device_id, measurement, window_start, window_end, filled, and one for each result:
    named by the aggregation, and for percentiles as "p99.9".
    """

    rows: tuple[AggregateRow, ...]
    served_by: Store

    def to_numpy(self) -> dict[str, NDArray[Any]]:
        """The columns by name, each of shape (rows,); results are masked where there is none.

        Windows are datetime64[us] (UTC), NaT for None. Results of one type are float64, int64 or bool, all others
        objects.
        """
        moments = {name: moments_array(_each(self.rows, name)) for name in ("window_start", "window_end")}
        return {
            "device_id": np.array(_each(self.rows, "device_id"), dtype=np.int32),
            "measurement": np.array(_each(self.rows, "measurement"), dtype=object),
            **moments,
            "filled": np.array(_each(self.rows, "filled"), dtype=np.bool_),
            **{name: masked(values) for name, values in self._results().items()},
        }

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame over (device_id, measurement, window_start), windows in UTC.

        Integers and booleans are pandas' nullable types; in a column of floats NaN stands for none too.

        :raises ImportError: pandas is not installed; it comes with the extra ``pandas``.
        """
        return indexed_frame(self.to_numpy(), ["device_id", "measurement", "window_start"])

    def to_arrow(self) -> Any:
        """A pyarrow.Table, null where there is no result; windows are timestamps in UTC.

        Integers among doubles become doubles, and JSON its text.

        :raises ImportError: pyarrow is not installed; it comes with the extra ``arrow``.
        :raises ValueError: a column would hold values of several types.
        """
        return table_of(self.to_numpy())

    def _results(self) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {}
        for row in self.rows:
            for name, value in row.values.items():
                if name is Aggregation.PERCENTILE:
                    for percentile, found in value.items():
                        columns.setdefault(f"p{percentile:g}", []).append(found)
                else:
                    columns.setdefault(str(name), []).append(value)
        return columns


def encode_aggregate(
    chosen: pb.TelemetryFilter,
    aggregations: Sequence[Aggregation | str],
    *,
    window: timedelta | CalendarUnit | str | None,
    time_zone: str,
    window_origin: Moment | None,
    percentiles: Iterable[float],
    fill: Fill | str,
    order: Order | str,
    max_windows: int,
) -> pb.AggregateTelemetryRequest:
    """The request.

    :raises InvalidArgumentError: a field is wrong.
    """
    if isinstance(percentiles, str):
        raise invalid("percentiles", f"{percentiles!r} is one word: give a list of numbers")
    numbers: Any = [number_of(Aggregation, word, f"aggregations[{index}]") for index, word in enumerate(aggregations)]
    words: Any = {"fill": number_of(Fill, fill, "fill"), "order": number_of(Order, order, "order")}
    return pb.AggregateTelemetryRequest(
        filter=chosen,
        aggregations=numbers,
        window_origin=None if window_origin is None else timestamp_message(window_origin, "window_origin"),
        percentiles=[_percentile(each, f"percentiles[{index}]") for index, each in enumerate(percentiles)],
        max_windows=int32(max_windows, "max_windows"),
        **words,
        **_window(window, time_zone),
    )


def decode_aggregates(
    response: pb.AggregateTelemetryResponse, aggregations: Sequence[Aggregation], percentiles: Sequence[float]
) -> Aggregates:
    """The rows, whose values are in the order of ``aggregations``, "percentile" standing for all ``percentiles``."""
    rows = tuple(_row(row, aggregations, percentiles) for row in response.rows)
    return Aggregates(rows, word_of(Store, response.served_by))


def _window(window: timedelta | CalendarUnit | str | None, time_zone: str) -> dict[str, Any]:
    if isinstance(window, str):
        unit: Any = _unit(window)
        return {"calendar_window": pb.CalendarWindow(unit=unit, time_zone=time_zone)}
    if time_zone:
        raise invalid("time_zone", "a time zone goes with a window that is a unit of the calendar")
    return {} if window is None else {"window": duration_message(window, "window")}


def _unit(window: str) -> int:
    try:
        return number_of(CalendarUnit, window, "window")
    except InvalidArgumentError as error:
        raise invalid("window", f"{error.violations[0].description}, and a duration is a timedelta") from None


def _percentile(percentile: float, field: str) -> float:
    try:
        return float(percentile)
    except (TypeError, ValueError):
        raise invalid(field, f"{percentile!r} is no number") from None


def _row(message: pb.AggregateRow, aggregations: Sequence[Aggregation], percentiles: Sequence[float]) -> AggregateRow:
    results = iter([decode_value(value)[1] for value in message.values])
    values = {
        word: {each: next(results) for each in percentiles} if word is Aggregation.PERCENTILE else next(results)
        for word in aggregations
    }
    return AggregateRow(
        message.device_id,
        message.measurement,
        moment_of(message.window_start) if message.HasField("window_start") else None,
        moment_of(message.window_end) if message.HasField("window_end") else None,
        values,
        message.filled,
    )


def _each(rows: Iterable[AggregateRow], name: str) -> list[Any]:
    return [getattr(row, name) for row in rows]
