"""Columns as Arrow tables. pyarrow is imported only when one is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._enums import Kind
from iotflow.telemetry._values import Json, kind_of

if TYPE_CHECKING:
    from iotflow.telemetry._series import SeriesData


def table_of(columns: Mapping[str, NDArray[Any]]) -> Any:
    """A Table of columns of one length; null where one is masked or NaT.

    :raises ValueError: a column holds values of types that have no common one.
    """
    arrow = _imported()
    return arrow.table({name: _array(arrow, name, column) for name, column in columns.items()})


def points_table(series: Iterable[SeriesData]) -> Any:
    """A Table with a row for each point; of the columns named by kinds each row has one that is not null."""
    arrow = _imported()
    types = _types(arrow)
    tables = [arrow.table(_points(arrow, each), schema=arrow.schema(types)) for each in series]
    return arrow.concat_tables([arrow.schema(types).empty_table(), *tables])


def _types(arrow: Any) -> dict[str, Any]:
    return {
        "device_id": arrow.int32(),
        "measurement": arrow.string(),
        "timestamp": arrow.timestamp("us", tz="UTC"),
        **{str(kind): found for kind, found in _kinds(arrow).items()},
        "quality_flag": arrow.int32(),
    }


def _kinds(arrow: Any) -> dict[Kind, Any]:
    return {
        Kind.NUMERIC: arrow.float64(),
        Kind.INTEGER: arrow.int64(),
        Kind.TEXT: arrow.string(),
        Kind.BOOLEAN: arrow.bool_(),
        Kind.JSON: arrow.string(),
    }


def _points(arrow: Any, series: SeriesData) -> dict[str, Any]:
    count = len(series)
    return {
        "device_id": np.full(count, series.device_id, dtype=np.int32),
        "measurement": arrow.repeat(series.measurement, count),
        "timestamp": arrow.array(series.timestamps, type=arrow.timestamp("us", tz="UTC")),
        **{str(kind): _of_kind(arrow, series, kind, found) for kind, found in _kinds(arrow).items()},
        "quality_flag": series.quality_flags,
    }


def _of_kind(arrow: Any, series: SeriesData, kind: Kind, found: Any) -> Any:
    """The values of one kind, null where a value is of another."""
    if series.kind is Kind.MIXED:
        values = [_plain(value) if kind_of(value, "") is kind else None for value in series.values.tolist()]
        return arrow.array(values, type=found)
    if series.kind is not kind:
        return arrow.nulls(len(series), type=found)
    is_object = series.values.dtype == object
    return arrow.array(list(map(_plain, series.values.tolist())) if is_object else series.values, type=found)


def _array(arrow: Any, name: str, column: NDArray[Any]) -> Any:
    if column.dtype.kind == "M":
        return arrow.array(column, type=arrow.timestamp("us", tz="UTC"))
    if column.dtype != object:
        return arrow.array(np.ma.getdata(column), mask=np.ma.getmaskarray(column))
    try:
        return arrow.array([_plain(value) for value in column.tolist()])
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        raise ValueError(f"{name} holds values of several types: ask for fewer measurements at a time") from error


def _plain(value: Any) -> Any:
    if isinstance(value, (dict, list, Json)):
        return json.dumps(value.value if isinstance(value, Json) else value, ensure_ascii=False)
    return value


def _imported() -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("pyarrow is not installed: pip install 'iotflow-telemetry[arrow]'") from error
    return pyarrow
