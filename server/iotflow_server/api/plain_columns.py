"""ColumnBatch messages with nothing special about them, which is nearly all: found in the bytes of their request.

Numbers stay as they are, packed. What is not plain (refused, repeated or unordered in part, or with
fields in another order than their numbers') is left to protobuf's parser and decode_columns.py. Both make the same
batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from iotflow.telemetry.v1.value_pb2 import Column as ColumnMessage
from iotflow_server.api.column_heads import TEXT, TEXT_SIZE, ColumnHeads, Shapes, Short
from iotflow_server.api.decoded import MAX_DEVICE_ID
from iotflow_server.api.plain_batch import PlainBatch
from iotflow_server.api.validate import key_fault, name_fault
from iotflow_server.api.wire_scan import UnusualError, piece, varint, varints
from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Kind, Rows
from iotflow_server.stores.frame_builder import Packed, Series

#: Tags of ColumnBatch.
_DEVICE_ID: Final = 0x08
_USER_ID: Final = 0x10
_TIMESTAMPS: Final = 0x1A
_COLUMNS: Final = 0x22
_METADATA: Final = 0x2A
_QUALITY: Final = 0x32
#: The tag of Column that may follow its values.
_MISSING: Final = 0x3A
_QUALITIES: Final = (QUALITY_SERIES, Kind.INTEGER)
_BOOLEANS: Final = b"\0\1"
#: Texts of more bytes together are taken out faster by protobuf's parser.
_FEW_TEXT_BYTES: Final = 128
#: A column of at most so many bytes has its size in one of them. Before its numbers stand six and its name: three tags
#: and three sizes, of which that of the name is the fourth byte.
_SHORT: Final = 129
_BESIDE_NAME: Final = 6
_NAME_SIZE: Final = 3
#: Numbers of more bytes together are not copied.
_FEW_BYTES: Final = 512
_OF_TEXTS: Final = [ColumnMessage.TEXT_FIELD_NUMBER, ColumnMessage.MISSING_ROWS_FIELD_NUMBER]
#: In UTF-8 no character takes more bytes.
_CHARACTER_BYTES: Final = 4


class PlainRules:
    """What names and texts have to be."""

    def __init__(self, max_text_bytes: int) -> None:
        self.columns = ColumnHeads(name_fault)
        self.metadata = ColumnHeads(key_fault, METADATA_PREFIX)
        self.shapes = Shapes()
        self._most_characters = max_text_bytes // _CHARACTER_BYTES

    def check(self, texts: Sequence[str]) -> None:
        """Return if texts can be stored.

        :raises UnusualError: it seems that one of them cannot.
        """
        joined, most = "".join(texts), self._most_characters
        if "\0" in joined or (len(joined) > most and max(map(len, texts)) > most):
            raise UnusualError


class PlainColumns:
    """Finds the batches of one request.

    Its methods raise UnusualError where something is not plain, or IndexError, UnicodeDecodeError or DecodeError.
    """

    __slots__ = ("_raw", "_rules", "_view")

    def __init__(self, rules: PlainRules, raw: bytes) -> None:
        self._rules = rules
        self._raw = raw
        self._view = memoryview(raw)

    def batch(self, at: int, end: int) -> PlainBatch:
        """The batch between two places."""
        device_id, at = _device_id(self._raw, at)
        if self._raw[at] != _TIMESTAMPS:
            raise UnusualError
        start, at = piece(self._raw, at + 1, end)
        timestamps, row_count = self._numbers(start, at, 8)
        found = _Found(row_count)
        at = self._columns(_COLUMNS, self._rules.columns, at, end, found)
        measurements = len(found.series)
        if found.is_full_nowhere():
            # There may be rows without any value.
            raise UnusualError
        if at < end:
            self._facts(at, end, found)
        rows = found.rows if found.has_gaps else None
        series = self._rules.shapes.of(found.series)
        return PlainBatch(device_id, row_count, timestamps, series, measurements, found.values, rows)

    def _facts(self, at: int, end: int, found: _Found) -> None:
        """Metadata and quality, which are all that is left of a batch."""
        at = self._columns(_METADATA, self._rules.metadata, at, end, found)
        if at < end:
            found.add(_QUALITIES, _quality(self._raw, at, end, found.row_count), None)

    def _columns(self, tag: int, heads: ColumnHeads, at: int, end: int, found: _Found) -> int:
        """Take the columns that stand at a place one after the other, and return where they end."""
        raw = self._raw
        while at < end and raw[at] == tag:
            known = heads.short(raw[at : (start := at + _BESIDE_NAME + raw[at + _NAME_SIZE])])
            if known is not None:
                at = self._short(known, start, end, found)
                continue
            begin = at
            start, at = piece(raw, at + 1, end)
            self._column(heads, begin, start, at, found)
        return at

    def _short(self, known: Short, at: int, end: int, found: _Found) -> int:
        """Take the numbers of a column that begins as one before, and return where they end."""
        series, nbytes, count = known
        stop = at + nbytes
        values = self._raw[at:stop]
        if stop > end or count != found.row_count or (count == nbytes and values.strip(_BOOLEANS)):
            raise UnusualError
        found.add(series, values, None)
        return stop

    def _column(self, heads: ColumnHeads, begin: int, at: int, stop: int, found: _Found) -> None:
        raw = self._raw
        head = raw[at : (at := at + 3 + raw[at + 1])]
        series, size = heads.known(head) or heads.learn(head)
        values: Sequence[Any] | Packed
        if size == TEXT_SIZE:
            values, missing = self._texts(at - 1, stop)
            count = len(values)
        else:
            start, at = piece(raw, at, stop)
            values, count = self._numbers(start, at, size)
            if at < stop:
                missing = _missing(raw, at, stop)
            else:
                missing = ()
                if stop - begin <= _SHORT:
                    heads.learn_short(raw[begin:start], (series, at - start, count))
        rows = _rows_beside(missing, found.row_count) if missing else None
        if count != (found.row_count if rows is None else len(rows)):
            raise UnusualError
        found.add(series, values, rows)

    def _numbers(self, at: int, stop: int, size: int) -> tuple[Packed, int]:
        """The numbers between two places, and how many they are."""
        nbytes = stop - at
        # A view is an object that Python's collector looks at again and again; a copy of some bytes is not.
        packed = self._raw[at:stop] if nbytes <= _FEW_BYTES else self._view[at:stop]
        if not nbytes or nbytes % size or (size == 1 and self._raw[at:stop].strip(_BOOLEANS)):
            raise UnusualError
        return packed, nbytes // size

    def _texts(self, at: int, stop: int) -> tuple[Sequence[str], Sequence[int]]:
        """The texts of a column and its missing rows, which are all that is left of it."""
        texts, missing = (_few_texts if stop - at <= _FEW_TEXT_BYTES else _many_texts)(self._raw, at, stop)
        self._rules.check(texts)
        return texts, missing


class _Found:
    """Columns of a batch, as they are found."""

    __slots__ = ("has_gaps", "row_count", "rows", "series", "values")

    def __init__(self, row_count: int) -> None:
        self.row_count = row_count
        self.series: list[Series] = []
        self.values: list[Sequence[Any] | Packed] = []
        self.rows: list[Rows | None] = []
        #: Whether there is a column that has no value in some rows.
        self.has_gaps = False

    def add(self, series: Series, values: Sequence[Any] | Packed, rows: Rows | None) -> None:
        self.series.append(series)
        self.values.append(values)
        self.rows.append(rows)
        if rows is not None:
            self.has_gaps = True

    def is_full_nowhere(self) -> bool:
        """Whether no column has a value in every row."""
        return not self.rows or (self.has_gaps and all(rows is not None for rows in self.rows))


def _device_id(raw: bytes, at: int) -> tuple[int, int]:
    if raw[at] != _DEVICE_ID:
        raise UnusualError
    device_id, at = varint(raw, at + 1)
    if not 0 < device_id <= MAX_DEVICE_ID:
        raise UnusualError
    # Who owns a device that is not known yet is asked of the whole message.
    return device_id, varint(raw, at + 1)[1] if raw[at] == _USER_ID else at


def _few_texts(raw: bytes, at: int, stop: int) -> tuple[Sequence[str], Sequence[int]]:
    texts: list[str] = []
    while at < stop and raw[at] == TEXT:
        start, at = piece(raw, at + 1, stop)
        texts.append(raw[start:at].decode())
    return texts, () if at == stop else _missing(raw, at, stop)


def _many_texts(raw: bytes, at: int, stop: int) -> tuple[Sequence[str], Sequence[int]]:
    column = ColumnMessage.FromString(raw[at:stop])
    fields = [field.number for field, _ in column.ListFields()]
    if column.ByteSize() != stop - at or fields != _OF_TEXTS[: len(fields)]:
        raise UnusualError
    return column.text[:], column.missing_rows


def _missing(raw: bytes, at: int, stop: int) -> Sequence[int]:
    """The missing rows of a column, which are all that is left of it."""
    if raw[at] != _MISSING:
        raise UnusualError
    return _last(raw, at, stop)


def _quality(raw: bytes, at: int, end: int, row_count: int) -> Sequence[int]:
    """The quality of all rows, which is all that is left of a batch."""
    flags = _last(raw, at, end)
    if raw[at] != _QUALITY or len(flags) != row_count or max(flags) >= 1 << 32:
        raise UnusualError
    return [(flag >> 1) ^ -(flag & 1) for flag in flags]


def _last(raw: bytes, at: int, stop: int) -> Sequence[int]:
    """The numbers of the last field."""
    start, end = piece(raw, at + 1, stop)
    if start == end or end != stop:
        raise UnusualError
    return varints(raw, start, stop)


def _rows_beside(missing_rows: Sequence[int], row_count: int) -> Rows:
    """The rows that are not missing."""
    missing = np.array(missing_rows, np.uint64)
    if missing[-1] >= row_count or not (missing[1:] > missing[:-1]).all():
        raise UnusualError
    return np.delete(np.arange(row_count), missing.astype(np.intp))
