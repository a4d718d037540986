"""Aggregates to the bytes of their message: row by row in Python would take ten times as long."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateRow as AggregateRowMessage
from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateTelemetryResponse
from iotflow.telemetry.v1.value_pb2 import Value
from iotflow_server.api.encode import store_message
from iotflow_server.api.times import timestamp_message
from iotflow_server.api.values import value_message
from iotflow_server.api.wire import WireRows
from iotflow_server.api.wire_fields import (
    LENGTH_DELIMITED,
    distinct,
    masked,
    repeated,
    write_moment,
    write_short,
    write_value,
)
from iotflow_server.api.wire_table import DIGITS, LONGEST, MessageTable, Strings, split_moments
from iotflow_server.query.aggregate_rows import AggregateRows, AggregateTable, joined
from iotflow_server.query.cells import Cells
from iotflow_server.query.results import AggregateRow
from iotflow_server.query.threads import computed
from iotflow_server.stores.batch import Kind, Rows
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

#: Series whose bytes are remembered, some 150 bytes each.
_SERIES: Final = 16_384
_NUMERIC: Final = int(Kind.NUMERIC)
#: Written at once, to bound what that takes beside the answer itself.
_ROWS: Final = 32_768
#: Fewer are encoded at once, sooner than a thread takes them over.
_FEW: Final = 2_000
_DEVICE_TAG: Final = bytes([AggregateRowMessage.DEVICE_ID_FIELD_NUMBER << 3])
_START_TAG: Final = AggregateRowMessage.WINDOW_START_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_END_TAG: Final = AggregateRowMessage.WINDOW_END_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_VALUES_TAG: Final = AggregateRowMessage.VALUES_FIELD_NUMBER << 3 | LENGTH_DELIMITED
_ROW_TAG: Final = AggregateTelemetryResponse.ROWS_FIELD_NUMBER << 3 | LENGTH_DELIMITED
#: The bounds of a window in whole seconds, and a value that is a double, each with zeros where it differs.
_START, _END = (bytes([tag, 1 + DIGITS, 1 << 3]) + bytes(DIGITS) for tag in (_START_TAG, _END_TAG))
_DOUBLE: Final = bytes([_VALUES_TAG, 9, Value.NUMERIC_FIELD_NUMBER << 3 | 1]) + bytes(8)
_FILLED: Final = bytes([AggregateRowMessage.FILLED_FIELD_NUMBER << 3, 1])


async def aggregate_bytes(table: AggregateTable) -> bytes:
    """An AggregateTelemetryResponse in the wire format; a large one is written by a thread."""
    return await computed(len(table) <= _FEW, _bytes, table)


def aggregate_messages(rows: AggregateRows) -> Iterator[AggregateRowMessage]:
    """Rows as messages."""
    return map(_message, rows)


def _bytes(table: AggregateTable) -> bytes:
    end = AggregateTelemetryResponse(served_by=store_message(table.served_by)).SerializeToString()
    if not len(table):
        return end
    rows = joined(table.parts)
    if not all(column.are_numbers for column in rows.columns):
        return AggregateTelemetryResponse(rows=aggregate_messages(rows)).SerializeToString() + end
    series = _Series.of(rows.keys)
    cuts = sorted({*range(0, len(rows), _ROWS), *_changes(series.device_ids[rows.series_of]), len(rows)})
    chunks = (rows.chosen(slice(*bounds)) for bounds in itertools.pairwise(cuts))
    return b"".join([*(_packed(chunk, series) for chunk in chunks), end])


def _changes(device_ids: NDArray[np.int64]) -> list[int]:
    """Where ascending numbers get one byte more: rows alike in size are written faster."""
    found: list[int] = np.searchsorted(device_ids, [1 << bits for bits in (7, 14, 21, 28)]).tolist()
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """Series, with the bytes of their measurements."""

    device_ids: NDArray[np.int64]
    names: Sequence[bytes]
    name_of: Rows

    @classmethod
    def of(cls, keys: Sequence[SeriesKey]) -> _Series:
        names, name_of = distinct([key.measurement for key in keys])
        device_ids = np.array([key.device_id for key in keys], np.int64)
        return cls(device_ids, [AggregateRowMessage(measurement=name).SerializeToString() for name in names], name_of)


def _packed(rows: AggregateRows, series: _Series) -> bytes:
    """Rows of numbers."""
    found = _doubles(rows)
    return _numbers(rows, series) if found is None else found


def _doubles(rows: AggregateRows) -> bytes | None:
    """Rows of doubles as a table; None where they have something else, or moments that a table has no room for."""
    begins, ends = split_moments(rows.begins), split_moments(rows.ends)
    if begins is None or ends is None or begins[1] is not None or ends[1] is not None or rows.is_filled.any():
        return None
    if not all(map(_are_doubles, rows.columns)):
        return None
    first, last = int(rows.series_of[0]), int(rows.series_of[-1])
    heads = Strings(list(map(_head, rows.keys[first : last + 1])))
    body = bytes(heads.width) + _START + _END + _DOUBLE * len(rows.columns)
    if len(body) > LONGEST:
        return None
    table = MessageTable(bytes([_ROW_TAG, len(body)]) + body, len(rows))
    table.strings(2, heads, rows.series_of - first)
    place = 2 + heads.width + len(_START)
    table.seconds(place - DIGITS, begins[0])
    place += len(_END)
    table.seconds(place - DIGITS, ends[0])
    for column in rows.columns:
        place += len(_DOUBLE)
        table.numbers(place - 8, column.values, "<f8")
    return table.packed()


def _are_doubles(cells: Cells) -> bool:
    return cells.values.dtype == np.float64 and np.count_nonzero(cells.kinds == _NUMERIC) == len(cells)


@lru_cache(_SERIES)
def _head(series: SeriesKey) -> bytes:
    """What a row of a series begins with."""
    return AggregateRowMessage(device_id=series.device_id, measurement=series.measurement).SerializeToString()


def _numbers(rows: AggregateRows, series: _Series) -> bytes:
    body = WireRows(len(rows))
    body.constant(_DEVICE_TAG)
    body.varint(series.device_ids[rows.series_of])
    body.one_of(series.names, series.name_of[rows.series_of])
    write_moment(body, _START_TAG, rows.begins, masked(rows.begins > MIN_TIMESTAMP))
    write_moment(body, _END_TAG, rows.ends, masked(rows.ends < MAX_TIMESTAMP))
    for column in rows.columns:
        _write_values(body, column)
    if rows.is_filled.any():
        body.constant(_FILLED, rows.is_filled)
    return repeated(AggregateTelemetryResponse.ROWS_FIELD_NUMBER, body, len(rows))


def _write_values(body: WireRows, cells: Cells) -> None:
    own = WireRows(len(cells))
    for kind in (Kind.NUMERIC, Kind.INTEGER):
        is_kind = cells.kinds == kind
        if (count := np.count_nonzero(is_kind)) == len(cells):
            write_value(own, kind, cells.values)
            break
        if count:
            write_value(own, kind, np.where(is_kind, cells.values, 0), is_kind)
    write_short(body, _VALUES_TAG, own)


def _message(row: AggregateRow) -> AggregateRowMessage:
    return AggregateRowMessage(
        device_id=row.device_id,
        measurement=row.measurement,
        window_start=None if row.window_start is None else timestamp_message(row.window_start),
        window_end=None if row.window_end is None else timestamp_message(row.window_end),
        values=[Value() if cell is None else value_message(*cell) for cell in row.values],
        filled=row.is_filled,
    )
