"""Whole ranges as numpy columns, one pair of arrays for each series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._arrays import decode_column, object_array
from iotflow.telemetry._arrow import points_table, table_of
from iotflow.telemetry._enums import Kind, Store, word_of
from iotflow.telemetry._pandas import frame_of, series_of
from iotflow.telemetry._values import decode_json
from iotflow.telemetry.v1.telemetry_service_pb2 import QueryTelemetryStreamResponse
from iotflow.telemetry.v1.value_pb2 import Column, ColumnBatch

if TYPE_CHECKING:
    import pandas as pd

_Masked = np.ma.MaskedArray[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class SeriesData:
    """n points of one device and measurement, in the order of the query.

    ``timestamps``: datetime64[us] (UTC), shape (n,). ``values``, shape (n,), by ``kind``: float64 (NUMERIC), int64
    (INTEGER), bool (BOOLEAN), objects (TEXT: str; JSON: dict, list or Json; MIXED: any of all these).
    ``quality_flags``: int32, shape (n,). ``metadata``: by key, objects of shape (n,), masked where a point has none.
    """

    device_id: int
    measurement: str
    kind: Kind
    timestamps: NDArray[np.datetime64]
    values: NDArray[Any]
    quality_flags: NDArray[np.int32]
    metadata: dict[str, _Masked]
    user_id: int

    def __len__(self) -> int:
        return len(self.timestamps)

    def to_pandas(self) -> pd.Series[Any]:
        """The values as a pandas Series named by the measurement, over a DatetimeIndex in UTC.

        :raises ImportError: pandas is not installed; it comes with the extra ``pandas``.
        """
        return series_of(self.measurement, self.timestamps, self.values)

    def to_arrow(self) -> Any:
        """A pyarrow.Table of timestamp (UTC), value and quality_flag; JSON as its text.

        :raises ImportError: pyarrow is not installed; it comes with the extra ``arrow``.
        :raises ValueError: the values are of several types.
        """
        return table_of({"timestamp": self.timestamps, "value": self.values, "quality_flag": self.quality_flags})


@dataclass(frozen=True, slots=True, eq=False)
class SeriesSet:
    """The series of a query, ordered by device and measurement."""

    series: tuple[SeriesData, ...]
    served_by: Store

    def __iter__(self) -> Iterator[SeriesData]:
        return iter(self.series)

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, key: tuple[int, str]) -> SeriesData:
        """The series of (device_id, measurement).

        :raises KeyError: it has no points in the range.
        """
        for data in self.series:
            if (data.device_id, data.measurement) == key:
                return data
        raise KeyError(key)

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame with a row for each timestamp, ascending, and a column for each (device_id, measurement).

        Integers and booleans are pandas' nullable types, so that a gap does not make floats of them. In a column of
        floats a gap is NaN.

        :raises ImportError: pandas is not installed; it comes with the extra ``pandas``.
        """
        return frame_of([((data.device_id, data.measurement), data.timestamps, data.values) for data in self.series])

    def to_arrow(self) -> Any:
        """A pyarrow.Table with a row for each point, series by series.

        Its columns are device_id, measurement, timestamp (UTC), numeric, integer, text, boolean, json and quality_flag.
        Every value stands in the column of its kind, the others being null; JSON as its text.

        :raises ImportError: pyarrow is not installed; it comes with the extra ``arrow``.
        """
        return points_table(self.series)


class SeriesCollector:
    """Puts the messages of a QueryTelemetryStream together."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, str], list[SeriesData]] = {}
        self._served_by = Store.UNKNOWN

    def add(self, response: QueryTelemetryStreamResponse) -> None:
        """Take the next message."""
        self._served_by = word_of(Store, response.served_by)
        for batch in response.batches:
            for block in decode_batch(batch):
                self._blocks.setdefault((block.device_id, block.measurement), []).append(block)

    def result(self) -> SeriesSet:
        """All that was added."""
        return SeriesSet(tuple(_joined(self._blocks[key]) for key in sorted(self._blocks)), self._served_by)


def decode_batch(batch: ColumnBatch) -> Iterator[SeriesData]:
    """The series of a message, without those that have no point in it."""
    count = len(batch.timestamps)
    timestamps = np.fromiter(batch.timestamps, dtype=np.int64, count=count).view("datetime64[us]")
    quality = np.fromiter(batch.quality_flags, dtype=np.int32, count=len(batch.quality_flags))
    quality = quality if len(quality) else np.zeros(count, dtype=np.int32)
    metadata = {column.name: _over_all_rows(column, count) for column in batch.metadata}
    for column in batch.columns:
        kind, values, rows = _decoded(column, count)
        if len(values):
            at: Any = slice(None) if rows is None else rows
            own = {key: facts[at] for key, facts in metadata.items() if facts[at].count()}
            yield SeriesData(
                batch.device_id, column.name, kind, timestamps[at], values, quality[at], own, batch.user_id
            )


def _decoded(column: Column, count: int) -> tuple[Kind, NDArray[Any], NDArray[np.intp] | None]:
    kind, values, rows = decode_column(column, count)
    return kind, object_array(map(decode_json, values)) if kind is Kind.JSON else values, rows


def _over_all_rows(column: Column, count: int) -> _Masked:
    _, values, rows = _decoded(column, count)
    result: _Masked = _all_masked(count)
    if len(values):
        result[slice(None) if rows is None else rows] = object_array(values.tolist())
    return result


def _joined(blocks: list[SeriesData]) -> SeriesData:
    first = blocks[0]
    if len(blocks) == 1:
        return first
    kinds = {block.kind for block in blocks}
    return SeriesData(
        first.device_id,
        first.measurement,
        first.kind if len(kinds) == 1 else Kind.MIXED,
        np.concatenate([block.timestamps for block in blocks]),
        _joined_values([block.values for block in blocks], is_mixed=len(kinds) > 1),
        np.concatenate([block.quality_flags for block in blocks]),
        _joined_metadata(blocks),
        first.user_id,
    )


def _joined_values(parts: list[NDArray[Any]], *, is_mixed: bool) -> NDArray[Any]:
    # Arrays of different types would be converted to one that changes values; lists of Python's own do not.
    return np.concatenate([object_array(part.tolist()) for part in parts] if is_mixed else parts)


def _joined_metadata(blocks: list[SeriesData]) -> dict[str, _Masked]:
    keys: Iterable[str] = dict.fromkeys(key for block in blocks for key in block.metadata)
    return {key: _joined_fact([block.metadata.get(key, _all_masked(len(block))) for block in blocks]) for key in keys}


def _joined_fact(parts: list[_Masked]) -> _Masked:
    values = np.concatenate([part.data for part in parts])
    return np.ma.MaskedArray(values, mask=np.concatenate([np.ma.getmaskarray(part) for part in parts]))


def _all_masked(count: int) -> _Masked:
    return np.ma.MaskedArray(np.empty(count, dtype=object), mask=np.ones(count, dtype=np.bool_))
