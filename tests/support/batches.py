"""Builds batches, and tells whether points are the same bit for bit."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from iotflow_server.query.point_list import PointList
from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.points import Scalar

MS = 1000
SECOND = 1000 * MS
#: A moment in 2023 from which tests count.
T0 = 1_700_000_000 * SECOND

#: (timestamp, device_id, measurement) -> (kind, value), the value in a form that == compares bit for bit.
Points = dict[tuple[int, int, str], tuple[Kind, Any]]


class Json(str):
    """A JSON text, to be told from text."""

    __slots__ = ()


def batch(device_id: int, timestamps: Sequence[int], /, **columns: Sequence[Any]) -> Batch:
    """Build a batch of columns given by name, None marking a row without a value.

    The kind of a column is that of its first value: float, int, bool, str or :class:`Json`.
    """
    return batch_of(device_id, timestamps, columns)


def batch_of(device_id: int, timestamps: Sequence[int], columns: Mapping[str, Sequence[Any]]) -> Batch:
    """Build a batch as :func:`batch` does, with names that need not be identifiers."""
    return Batch(
        device_id,
        np.array(timestamps, dtype=np.int64),
        tuple(_column(name, cells) for name, cells in columns.items()),
    )


def point(device_id: int, timestamp: int, name: str, value: Any) -> Batch:
    """Build a batch of one point."""
    return batch_of(device_id, [timestamp], {name: [value]})


def points_of(batches: Iterable[Batch]) -> Points:
    """Every point by its key. Fails where a key comes twice."""
    points: Points = {}
    for each in batches:
        for column in each.columns:
            moments = column.timestamps(each.timestamps).tolist()
            for moment, value in zip(moments, column.values.tolist(), strict=True):
                key = (moment, each.device_id, column.name)
                assert key not in points, f"{key} comes twice"
                points[key] = (column.kind, exact(column.kind, value))
    return points


def listed(points: PointList) -> list[tuple[tuple[int, int, str], tuple[Kind, Any]]]:
    """The points of a query's answer in its order, in the form of :func:`points_of`."""
    keys = zip(points.timestamps, points.device_ids, points.measurements, strict=True)
    return [
        (key, (kind, exact(kind, value))) for key, kind, value in zip(keys, points.kinds, points.values, strict=True)
    ]


def exact(kind: Kind, value: Scalar) -> Any:
    """A value in a form that == compares bit for bit (any NaN being the same), JSON as JSON."""
    if kind is Kind.JSON:
        return json.loads(str(value), parse_int=_number, parse_float=_number)
    if kind is Kind.NUMERIC:
        assert type(value) is float
        return "NaN" if value != value else struct.pack(">d", value)
    assert type(value) is {Kind.INTEGER: int, Kind.BOOLEAN: bool, Kind.TEXT: str}[kind]
    return value


def check_shape(each: Batch, *, descending: bool = False) -> None:
    """Check what the batch type promises beyond its points."""
    steps = np.diff(each.timestamps)
    assert ((steps < 0) if descending else (steps > 0)).all(), "timestamps are out of order"
    assert each.timestamps.dtype == np.int64
    assert len({(column.name, column.kind) for column in each.columns}) == len(each.columns)
    assert any(len(column) for column in each.columns), "a batch without points"
    for column in each.columns:
        _check_column(column, len(each.timestamps))


async def collect(scan: AsyncIterator[Batch], *, descending: bool = False) -> list[Batch]:
    """Read a scan to its end; check that its batches have the promised shape and order."""
    batches = [each async for each in scan]
    for each in batches:
        check_shape(each, descending=descending)
    for one, other in itertools.pairwise(batches):
        assert one.device_id <= other.device_id, "devices are out of order"
        if one.device_id == other.device_id:
            step = int(other.timestamps[0]) - int(one.timestamps[-1])
            assert step < 0 if descending else step > 0, "a batch begins before the end of the one before"
    return batches


def _check_column(column: Column, row_count: int) -> None:
    assert column.values.dtype == column.kind.dtype, column.name
    if column.rows is None:
        assert len(column) == row_count
        return
    assert len(column) == len(column.rows)
    assert (np.diff(column.rows) > 0).all()
    assert not len(column.rows) or (column.rows[0] >= 0 and column.rows[-1] < row_count)


def _column(name: str, cells: Sequence[Any]) -> Column:
    rows = [row for row, cell in enumerate(cells) if cell is not None]
    found = [cells[row] for row in rows]
    kind = _kind_of(found[0])
    values = np.empty(len(found), dtype=kind.dtype)
    values[:] = [str(cell) for cell in found] if kind is Kind.JSON else found
    return Column(name, kind, values, None if len(rows) == len(cells) else np.array(rows, dtype=np.intp))


def _kind_of(value: object) -> Kind:
    kinds = {bool: Kind.BOOLEAN, int: Kind.INTEGER, float: Kind.NUMERIC, str: Kind.TEXT, Json: Kind.JSON}
    return kinds[type(value)]


def _number(digits: str) -> tuple[str, Decimal]:
    # Tagged, since to Python true equals 1.
    return ("number", Decimal(digits))
