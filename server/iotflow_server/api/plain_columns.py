"""ColumnBatch messages with nothing special about them, which is nearly all: no arrays, no objects for each value.

What is not plain (refused, repeated or unordered in part) is left to decode_columns.py. Both make the same batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import lt
from typing import Any, Final

import numpy as np

from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow.telemetry.v1.value_pb2 import ColumnBatch
from iotflow_server.api.good_names import GoodNames
from iotflow_server.api.validate import key_fault
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Kind, Rows, is_metadata
from iotflow_server.stores.frame_builder import FrameBuilder
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP

_NAME: Final = ColumnMessage.NAME_FIELD_NUMBER
_MISSING: Final = ColumnMessage.MISSING_ROWS_FIELD_NUMBER
#: JSON is read value by value in any case.
_KINDS: Final = {
    ColumnMessage.NUMERIC_FIELD_NUMBER: Kind.NUMERIC,
    ColumnMessage.INTEGER_FIELD_NUMBER: Kind.INTEGER,
    ColumnMessage.TEXT_FIELD_NUMBER: Kind.TEXT,
    ColumnMessage.BOOLEAN_FIELD_NUMBER: Kind.BOOLEAN,
}
#: So few timestamps are looked at faster one by one.
_FEW: Final = 64
#: In UTF-8 no character takes more bytes.
_CHARACTER_BYTES: Final = 4

_Cells = tuple[str, Kind, Sequence[Any], Rows | None]
_PlainBatch = tuple[int, Sequence[int], list[_Cells]]


class PlainColumns:
    """Tells plain messages, and adds their batches to a frame."""

    def __init__(self, names: GoodNames, max_text_bytes: int) -> None:
        self._names = names
        self._max_text_bytes = max_text_bytes

    def add(self, messages: Iterable[ColumnBatch], precision_us: int, frame: FrameBuilder) -> int | None:
        """Add all batches and return how many points they have; or add none and return None."""
        batches: list[_PlainBatch] = []
        for message in messages:
            batch = self._batch(message, precision_us)
            if batch is None:
                return None
            batches.append(batch)
        return sum(_added(batch, frame) for batch in batches)

    def _batch(self, message: ColumnBatch, precision_us: int) -> _PlainBatch | None:
        timestamps = _plain_timestamps(message.timestamps, precision_us)
        if timestamps is None or message.device_id < 1:
            return None
        columns: list[_Cells] = []
        for column in message.columns:
            cells = self._cells(column, len(timestamps))
            if cells is None:
                return None
            columns.append(cells)
        facts = self._facts(message, len(timestamps))
        if facts is None or not _are_complete(columns):
            return None
        return message.device_id, timestamps, columns + facts

    def _cells(self, column: ColumnMessage, row_count: int) -> _Cells | None:
        fields = column.ListFields()
        if len(fields) < 2 or fields[0][0].number != _NAME:
            return None
        name, kind, values = fields[0][1], _KINDS.get(fields[1][0].number), fields[1][1]
        if kind is None or not self._names.is_good(name):
            return None
        rows = None
        if len(fields) > 2:
            rows = _rows_beside(fields[2][1], row_count) if fields[2][0].number == _MISSING else None
            if rows is None:
                return None
        if len(values) != (row_count if rows is None else len(rows)):
            return None
        if kind is Kind.TEXT:
            # A repeated field makes new objects of its texts each time they are looked at.
            values = list(values)
            if not self._are_plain(values):
                return None
        return name, kind, values, rows

    def _facts(self, message: ColumnBatch, row_count: int) -> list[_Cells] | None:
        """Metadata and quality."""
        facts: list[_Cells] = []
        for column in message.metadata:
            cells = self._cells(column, row_count)
            if cells is None or key_fault(cells[0]) is not None:
                return None
            facts.append((METADATA_PREFIX + cells[0], *cells[1:]))
        if message.quality_flags:
            if len(message.quality_flags) != row_count:
                return None
            facts.append((QUALITY_SERIES, Kind.INTEGER, message.quality_flags, None))
        return facts

    def _are_plain(self, texts: Sequence[str]) -> bool:
        joined = "".join(texts)
        return "\0" not in joined and (
            len(joined) * _CHARACTER_BYTES <= self._max_text_bytes
            or max(map(len, texts)) * _CHARACTER_BYTES <= self._max_text_bytes
        )


def _added(batch: _PlainBatch, frame: FrameBuilder) -> int:
    device_id, timestamps, columns = batch
    frame.begin(device_id, timestamps)
    points = 0
    for name, kind, values, rows in columns:
        frame.add(name, kind, values, rows)
        points += 0 if is_metadata(name) else len(values)
    return points


def _plain_timestamps(sent: Sequence[int], precision_us: int) -> Sequence[int] | None:
    """The timestamps floored to the precision, if they are in range then, and ascend without repetition."""
    if len(sent) <= _FEW:
        few = list(sent) if precision_us == 1 else [timestamp - timestamp % precision_us for timestamp in sent]
        ascend = all(map(lt, few, few[1:]))
        return few if few and ascend and few[0] >= MIN_TIMESTAMP and few[-1] < MAX_TIMESTAMP else None
    many = np.array(sent, np.int64)
    in_range = many[0] >= MIN_TIMESTAMP and many[-1] < MAX_TIMESTAMP
    if precision_us > 1:
        many -= many % precision_us
    return many if in_range and (many[1:] > many[:-1]).all() else None  # type: ignore[return-value]


def _rows_beside(missing_rows: Sequence[int], row_count: int) -> Rows | None:
    """The rows that are not missing; None where those are no ascending rows of the batch."""
    missing = np.array(missing_rows, np.int64)
    if not (missing[1:] > missing[:-1]).all() or missing[-1] >= row_count:
        return None
    return np.delete(np.arange(row_count), missing)


def _are_complete(columns: Sequence[_Cells]) -> bool:
    """Whether no name comes twice, and every row has a value."""
    if len({name for name, *_ in columns}) < len(columns):
        return False
    return any(rows is None for *_, rows in columns)
