"""Gathers batches into rows: by table, measurement and kind, over all devices of a write."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import METADATA_PREFIX, QUALITY_SERIES, Batch, Column, Kind, is_metadata
from iotflow_server.stores.postgres.rows import HEADER, TRAILER, PointRows, encode
from iotflow_server.stores.selection import PointKey
from iotflow_server.stores.store import OwnerLookup

DATA_TABLE: Final = "telemetry_data"
METADATA_TABLE: Final = "telemetry_metadata"


def table_of(name: str) -> str:
    """The table that a series is kept in."""
    return METADATA_TABLE if is_metadata(name) else DATA_TABLE


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One column of one batch, and what its rows carry beside the values."""

    batch: Batch
    column: Column
    user_id: int
    metadata: Sequence[bytes | None] | None
    quality: NDArray[np.int32]


def copy_payloads(batches: Sequence[Batch], owner_of: OwnerLookup) -> dict[str, bytes]:
    """Return what COPY takes, by table. No key may come twice in the batches; see merging.py."""
    encoded: dict[str, list[bytes]] = {}
    for table, rows in _gathered(batches, owner_of):
        encoded.setdefault(table, [HEADER]).append(encode(rows))
    return {table: b"".join([*chunks, TRAILER]) for table, chunks in encoded.items()}


def point_at(batches: Sequence[Batch], owner_of: OwnerLookup, table: str, line: int) -> PointKey | None:
    """The point of a line, counted from 1, of what :func:`copy_payloads` returns for a table."""
    index = line - 1
    for _, rows in (one for one in _gathered(batches, owner_of) if one[0] == table):
        if index < len(rows.timestamps):
            return PointKey(int(rows.timestamps[index]), int(rows.device_ids[index]), rows.name)
        index -= len(rows.timestamps)
    return None


def _gathered(batches: Sequence[Batch], owner_of: OwnerLookup) -> Iterator[tuple[str, PointRows]]:
    groups: dict[tuple[str, str, Kind, bool, bool], list[_Part]] = {}
    for part in _parts(batches, owner_of):
        column = part.column
        key = (table_of(column.name), column.name, column.kind, part.user_id != 0, part.metadata is not None)
        groups.setdefault(key, []).append(part)
    for (table, *_), parts in sorted(groups.items()):
        yield table, _rows(parts)


def _parts(batches: Iterable[Batch], owner_of: OwnerLookup) -> Iterator[_Part]:
    for batch in batches:
        user_id, metadata, quality = owner_of(batch.device_id), _metadata_json(batch), _quality(batch)
        for column in batch.columns:
            if len(column) == 0:
                continue
            own = None if metadata is None or is_metadata(column.name) else _taken(metadata, column)
            yield _Part(batch, column, user_id, own, quality if column.rows is None else quality[column.rows])


def _taken(values: list[bytes | None], column: Column) -> list[bytes | None]:
    return values if column.rows is None else [values[row] for row in column.rows]


def _rows(parts: Sequence[_Part]) -> PointRows:
    first, counts = parts[0], [len(part.column) for part in parts]
    has_metadata = first.metadata is not None
    return PointRows(
        name=first.column.name,
        kind=first.column.kind,
        device_ids=np.repeat(np.array([part.batch.device_id for part in parts], np.int32), counts),
        user_ids=np.repeat(np.array([part.user_id for part in parts], np.int32), counts) if first.user_id else None,
        timestamps=np.concatenate([part.column.timestamps(part.batch.timestamps) for part in parts]),
        values=np.concatenate([part.column.values for part in parts]),
        metadata=[one for part in parts for one in part.metadata or ()] if has_metadata else None,
        quality=np.concatenate([part.quality for part in parts]),
    )


def _quality(batch: Batch) -> NDArray[np.int32]:
    """quality_flag by row, as this write carries it; 0 where it does not."""
    quality = np.zeros(len(batch.timestamps), np.int32)
    for column in batch.columns:
        if column.name == QUALITY_SERIES and column.kind is Kind.INTEGER:
            quality[slice(None) if column.rows is None else column.rows] = np.clip(column.values, -(2**31), 2**31 - 1)
    return quality


def _metadata_json(batch: Batch) -> list[bytes | None] | None:
    """The metadata that this write carries, as a JSON object by row; None where no row has any."""
    columns = [column for column in batch.columns if is_metadata(column.name) and column.name != QUALITY_SERIES]
    if not columns:
        return None
    members: list[list[str]] = [[] for _ in batch.timestamps]
    for column in columns:
        key = json.dumps(column.name.removeprefix(METADATA_PREFIX), ensure_ascii=False)
        rows = range(len(members)) if column.rows is None else column.rows
        for row, value in zip(rows, column.values.tolist(), strict=True):
            members[row].append(f"{key}:{_json(column.kind, value)}")
    return [f"{{{','.join(one)}}}".encode() if one else None for one in members]


def _json(kind: Kind, value: Any) -> str:
    if kind is Kind.JSON:
        # As it stands: to parse it would lose digits.
        return str(value)
    if kind is Kind.NUMERIC and not math.isfinite(value):
        # JSON has no such number; PostgreSQL's own to_jsonb writes a string too.
        value = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return json.dumps(value, ensure_ascii=False)
