"""Gathers the points of a frame into rows: by table, measurement and kind, over all devices."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Column, Kind, is_metadata
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.postgres.point_rows import PointRows
from iotflow_server.stores.postgres.rows import HEADER, TRAILER, encode
from iotflow_server.stores.selection import PointKey
from iotflow_server.stores.store import OwnerLookup

DATA_TABLE: Final = "telemetry_data"
METADATA_TABLE: Final = "telemetry_metadata"
#: Rows encoded at once: it takes the event loop less than a millisecond, and no more of them are held in memory.
_PART_ROWS: Final = 8_192


def table_of(name: str) -> str:
    """The table that a series is kept in."""
    return METADATA_TABLE if is_metadata(name) else DATA_TABLE


def tables_of(frame: Frame) -> list[str]:
    """The tables that hold the points of a frame."""
    return sorted({table_of(column.name) for column in frame.columns if len(column)})


def copy_chunks(frame: Frame, owner_of: OwnerLookup, table: str) -> Iterator[bytes | memoryview]:
    """Yield what COPY takes for a table, encoded as it is asked for. No key may come twice; see Frame.resolved."""
    yield HEADER
    for rows in _gathered(frame, owner_of, table):
        for encoded in encode(rows):
            yield encoded.data
    yield TRAILER


def point_at(frame: Frame, owner_of: OwnerLookup, table: str, line: int) -> PointKey | None:
    """The point of a line, counted from 1, of what :func:`copy_chunks` yields for a table."""
    index = line - 1
    for rows in _gathered(frame, owner_of, table):
        if index < len(rows):
            points = np.concatenate([np.arange(len(rows)) if e.points is None else e.points for e in encode(rows)])
            point = points[index]
            return PointKey(int(rows.timestamps[point]), int(rows.device_ids[point]), rows.name)
        index -= len(rows)
    return None


def _gathered(frame: Frame, owner_of: OwnerLookup, table: str) -> Iterator[PointRows]:
    """The rows of every series; those with and without an owner or metadata apart, since their shapes differ."""
    facts = _Facts.of(frame, owner_of)
    own = (column for column in frame.columns if table_of(column.name) == table)
    for column in sorted(own, key=lambda column: (column.name, column.kind)):
        for part in _parts(column):
            for shape, alike in _by_shape(part, facts):
                yield _point_rows(frame, alike, facts, shape)


def _by_shape(column: Column, facts: _Facts) -> Iterator[tuple[int, Column]]:
    counted = _OWNED if is_metadata(column.name) else _OWNED | _DESCRIBED
    if facts.shape is not None:
        yield facts.shape & counted, column
        return
    shapes = column.of_rows(facts.shapes) & counted
    for shape in np.flatnonzero(np.bincount(shapes)).tolist():
        yield shape, column.where(shapes == shape, len(facts.shapes))


def _parts(column: Column) -> Iterator[Column]:
    """A column in parts that are encoded in a moment."""
    if len(column) <= _PART_ROWS:
        yield column
        return
    rows = np.arange(len(column)) if column.rows is None else column.rows
    for first in range(0, len(column), _PART_ROWS):
        part = slice(first, first + _PART_ROWS)
        yield Column(column.name, column.kind, column.values[part], rows[part])


def _point_rows(frame: Frame, column: Column, facts: _Facts, shape: int) -> PointRows:
    return PointRows(
        name=column.name,
        kind=column.kind,
        device_ids=column.of_rows(frame.device_ids),
        user_ids=column.of_rows(facts.user_ids) if shape & _OWNED else None,
        timestamps=column.of_rows(frame.timestamps),
        values=column.values,
        metadata=_of_rows(facts.metadata, column) if shape & _DESCRIBED else None,
        quality=column.of_rows(facts.quality),
    )


def _of_rows(metadata: Mapping[int, bytes], column: Column) -> list[bytes]:
    return [metadata[row] for row in (range(len(column)) if column.rows is None else column.rows.tolist())]


#: Bits of a row's shape: it has an owner, it has metadata.
_OWNED: Final = 1
_DESCRIBED: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Facts:
    """What the rows of a frame carry beside their values: owners (0: none), metadata as JSON, quality_flag.

    ``metadata`` is by row, where a row has any; ``shapes`` are bits by row, ``shape`` those of all rows where all are
    alike.
    """

    user_ids: NDArray[np.int32]
    metadata: dict[int, bytes]
    quality: NDArray[np.int32]
    shapes: NDArray[np.int8]
    shape: int | None

    @classmethod
    def of(cls, frame: Frame, owner_of: OwnerLookup) -> _Facts:
        user_ids, metadata = _user_ids(frame, owner_of), _metadata_json(frame.columns)
        shapes = np.where(user_ids != 0, np.int8(_OWNED), np.int8(0))
        if metadata:
            shapes[list(metadata)] |= _DESCRIBED
        are_alike = len(shapes) > 0 and (shapes == shapes[0]).all()
        return cls(user_ids, metadata, _quality(frame), shapes, int(shapes[0]) if are_alike else None)


def _user_ids(frame: Frame, owner_of: OwnerLookup) -> NDArray[np.int32]:
    if len(frame.timestamps) <= len(frame):
        return np.array([owner_of(device_id) for device_id in frame.device_ids.tolist()], np.int32)
    sizes = np.diff(frame.starts)
    device_ids = frame.device_ids[frame.starts[:-1][sizes > 0]].tolist()
    return np.repeat(np.array([owner_of(device_id) for device_id in device_ids], np.int32), sizes[sizes > 0])


def _quality(frame: Frame) -> NDArray[np.int32]:
    """quality_flag by row, as this write carries it; 0 where it does not."""
    quality = np.zeros(len(frame.timestamps), np.int32)
    for column in frame.columns:
        if column.name == QUALITY_SERIES and column.kind is Kind.INTEGER:
            quality[slice(None) if column.rows is None else column.rows] = np.clip(column.values, -(2**31), 2**31 - 1)
    return quality


def _metadata_json(columns: Sequence[Column]) -> dict[int, bytes]:
    """The metadata that this write carries, as a JSON object by row; rows without any are left out."""
    members: dict[int, list[str]] = {}
    for column in columns:
        if not is_metadata(column.name) or column.name == QUALITY_SERIES:
            continue
        key = json.dumps(column.name.removeprefix(METADATA_PREFIX), ensure_ascii=False)
        rows = range(len(column)) if column.rows is None else column.rows.tolist()
        for row, value in zip(rows, column.values.tolist(), strict=True):
            members.setdefault(row, []).append(f"{key}:{_json(column.kind, value)}")
    return {row: f"{{{','.join(own)}}}".encode() for row, own in members.items()}


def _json(kind: Kind, value: Any) -> str:
    if kind is Kind.JSON:
        # As it stands: to parse it would lose digits.
        return str(value)
    if kind is Kind.NUMERIC and not math.isfinite(value):
        # JSON has no such number; PostgreSQL's own to_jsonb writes a string too.
        value = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return json.dumps(value, ensure_ascii=False)
