"""Aggregates to the bytes of their message: row by row in Python would take ten times as long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import numpy as np

from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateRow as AggregateRowMessage
from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateTelemetryResponse
from iotflow.telemetry.v1.value_pb2 import Value
from iotflow_server.api.encode import store_message
from iotflow_server.api.times import SECOND, timestamp_message
from iotflow_server.api.values import value_message
from iotflow_server.api.wire import Mask, WireRows
from iotflow_server.query.aggregate_rows import AggregateRows, AggregateTable, joined
from iotflow_server.query.cells import NOTHING, Cells
from iotflow_server.query.results import AggregateRow
from iotflow_server.stores.batch import Kind, Timestamps
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

#: What columns are made of: a row's bytes lie near to each other, and the interpreter's lock is let go between.
_ROWS: Final = 4_096
#: Fewer are encoded at once, sooner than a thread takes them over.
_FEW: Final = 500
_NUMBERS: Final = (NOTHING, Kind.NUMERIC, Kind.INTEGER)
_LENGTH_DELIMITED: Final = 2
_ROWS_TAG: Final = AggregateTelemetryResponse.ROWS_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_START_TAG: Final = AggregateRowMessage.WINDOW_START_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_END_TAG: Final = AggregateRowMessage.WINDOW_END_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_VALUES_TAG: Final = AggregateRowMessage.VALUES_FIELD_NUMBER << 3 | _LENGTH_DELIMITED
_FILLED_TAG: Final = AggregateRowMessage.FILLED_FIELD_NUMBER << 3
_SECONDS_TAG, _NANOS_TAG = 1 << 3, 2 << 3
_NUMERIC_TAG: Final = Value.NUMERIC_FIELD_NUMBER << 3 | 1
_INTEGER_TAG: Final = Value.INTEGER_FIELD_NUMBER << 3


async def aggregate_bytes(table: AggregateTable) -> bytes:
    """An AggregateTelemetryResponse in the wire format; a large one is written by a thread."""
    return _bytes(table) if len(table) <= _FEW else await asyncio.to_thread(_bytes, table)


def aggregate_messages(rows: AggregateRows) -> Iterator[AggregateRowMessage]:
    """Rows as messages."""
    return map(_message, rows)


def _bytes(table: AggregateTable) -> bytes:
    end = AggregateTelemetryResponse(served_by=store_message(table.served_by)).SerializeToString()
    if not len(table):
        return end
    rows = joined(table.parts)
    if not all(np.isin(column.kinds, _NUMBERS).all() for column in rows.columns):
        return AggregateTelemetryResponse(rows=aggregate_messages(rows)).SerializeToString() + end
    keys = [AggregateRowMessage(device_id=key.device_id, measurement=key.measurement) for key in rows.keys]
    begins = [key.SerializeToString() for key in keys]
    chunks = (rows.chosen(slice(first, first + _ROWS)) for first in range(0, len(rows), _ROWS))
    return b"".join([*(_packed(chunk, begins) for chunk in chunks), end])


def _packed(rows: AggregateRows, begins: list[bytes]) -> bytes:
    """Rows of numbers, given how the message of each series begins."""
    body = WireRows(len(rows))
    body.table(begins, rows.series_of)
    _write_moment(body, _START_TAG, rows.begins, rows.begins > MIN_TIMESTAMP)
    _write_moment(body, _END_TAG, rows.ends, rows.ends < MAX_TIMESTAMP)
    for column in rows.columns:
        _write_values(body, column)
    if rows.is_filled.any():
        body.byte(_FILLED_TAG, rows.is_filled)
        body.byte(1, rows.is_filled)
    whole = WireRows(len(rows))
    whole.byte(_ROWS_TAG)
    whole.varint(body.lengths())
    whole.append(body)
    return whole.packed()


def _write_moment(body: WireRows, tag: int, moments: Timestamps, is_bound: Mask) -> None:
    """A Timestamp, where there is a bound."""
    seconds, rest = np.divmod(moments, SECOND)
    own = WireRows(len(moments))
    for field, values in ((_SECONDS_TAG, seconds), (_NANOS_TAG, rest * 1_000)):
        is_set = is_bound & (values != 0)
        own.byte(field, _mask(is_set))
        own.varint(values, _mask(is_set))
    body.byte(tag, _mask(is_bound))
    body.byte(own.lengths().astype(np.uint8), _mask(is_bound))
    body.append(own)


def _write_values(body: WireRows, cells: Cells) -> None:
    own = WireRows(len(cells))
    is_numeric, is_integer = cells.kinds == Kind.NUMERIC, cells.kinds == Kind.INTEGER
    if is_numeric.any():
        own.byte(_NUMERIC_TAG, _mask(is_numeric))
        own.fixed64(np.where(is_numeric, cells.values, 0).astype(np.float64), _mask(is_numeric))
    if is_integer.any():
        own.byte(_INTEGER_TAG, _mask(is_integer))
        own.varint(np.where(is_integer, cells.values, 0).astype(np.int64), _mask(is_integer))
    body.byte(_VALUES_TAG)
    body.byte(own.lengths().astype(np.uint8))
    body.append(own)


def _mask(is_there: Mask) -> Mask | None:
    return None if is_there.all() else is_there


def _message(row: AggregateRow) -> AggregateRowMessage:
    return AggregateRowMessage(
        device_id=row.device_id,
        measurement=row.measurement,
        window_start=None if row.window_start is None else timestamp_message(row.window_start),
        window_end=None if row.window_end is None else timestamp_message(row.window_end),
        values=[Value() if cell is None else value_message(*cell) for cell in row.values],
        filled=row.is_filled,
    )
