"""Fits values to the type that their series has, where that changes no value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Column, Kind, Rows, Values
from iotflow_server.stores.json_text import is_json_container
from iotflow_server.stores.store import SeriesType, Width

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What fits of a column (None: nothing), and the rows that do not (None: all fit), with the reason."""

    column: Column | None
    refused: Rows | None = None
    message: str = ""


def coerce(column: Column, series: SeriesType) -> Fit:
    """Fit a column to its series' type.

    An integral number in an integer series becomes an integer, an integer in a numeric series a number where
    a double holds it exactly; all other changes of type are refused.
    """
    if series.kind is None or (series.kind is column.kind and series.width is Width.FULL):
        return Fit(column)
    if series.width is Width.BY_CONTENT:
        return _fit_by_content(column)
    converted = _convert(column, series.kind)
    if converted is None:
        return _partition(column, column.values, series.kind, np.zeros(len(column), dtype=np.bool_), _names(series))
    values, fits = converted
    return _partition(column, values, series.kind, fits & _within(values, series.width), _names(series))


def _convert(column: Column, kind: Kind) -> tuple[Values, Mask] | None:
    """The values as another kind, and which of them are the same after it; None where there is no way."""
    values = column.values
    if column.kind is kind:
        return values, np.ones(len(values), dtype=np.bool_)
    if (column.kind, kind) == (Kind.NUMERIC, Kind.INTEGER):
        integral = (values == np.trunc(values)) & (values >= -(2.0**63)) & (values < 2.0**63)
        return np.where(integral, values, 0.0).astype(np.int64), integral
    if (column.kind, kind) == (Kind.INTEGER, Kind.NUMERIC):
        numbers = values.astype(np.float64)
        below = numbers < 2.0**63
        return numbers, below & (np.where(below, numbers, 0.0).astype(np.int64) == values)
    return None


def _within(values: Values, width: Width) -> Mask:
    if width is Width.INT32:
        inside: Mask = (values >= -(2**31)) & (values < 2**31)
        return inside
    if width is Width.FLOAT32:
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32).astype(np.float64)
        exact: Mask = (narrow == values) | np.isnan(values)
        return exact
    return np.ones(len(values), dtype=np.bool_)


def _fit_by_content(column: Column) -> Fit:
    if column.kind not in (Kind.TEXT, Kind.JSON):
        nothing = np.zeros(len(column), dtype=np.bool_)
        return _partition(column, column.values, column.kind, nothing, "text")
    container = np.fromiter(map(is_json_container, column.values), np.bool_, len(column))
    fits = container if column.kind is Kind.JSON else ~container
    return _partition(
        column,
        column.values,
        column.kind,
        fits,
        "text whose kind IoTDB tells by its content: JSON objects and arrays as json, all else as text",
    )


def _names(series: SeriesType) -> str:
    word = series.kind.name.lower() if series.kind is not None else "mixed"
    return word if series.width is Width.FULL else f"{word} ({series.width.value} in IoTDB)"


def _partition(column: Column, values: Values, kind: Kind, fits: Mask, wanted: str) -> Fit:
    if fits.all():
        return Fit(Column(column.name, kind, values, column.rows))
    rows = np.arange(len(column)) if column.rows is None else column.rows
    message = f"the series holds {wanted}; this {column.kind.name.lower()} value cannot be stored there unchanged"
    fitting = Column(column.name, kind, values[fits], rows[fits]) if fits.any() else None
    return Fit(fitting, rows[~fits], message)
