"""Columns as pandas objects. Pandas is imported only when one is asked for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_NULLABLE = {np.dtype(np.int64): "Int64", np.dtype(np.bool_): "boolean"}


def series_of(name: str, timestamps: NDArray[np.datetime64], values: NDArray[Any]) -> pd.Series[Any]:
    """A Series over a DatetimeIndex in UTC."""
    series: pd.Series[Any] = _imported().Series(values, index=_index(timestamps), name=name)
    return series


def frame_of(columns: Sequence[tuple[Hashable, NDArray[np.datetime64], NDArray[Any]]]) -> pd.DataFrame:
    """A DataFrame with a column for each (key, timestamps, values), over all their timestamps."""
    pandas = _imported()
    if not columns:
        empty: pd.DataFrame = pandas.DataFrame(index=_index(np.empty(0, dtype="datetime64[us]")))
        return empty
    parts = [
        pandas.Series(values, index=_index(timestamps), dtype=_NULLABLE.get(values.dtype, values.dtype))
        for _, timestamps, values in columns
    ]
    keys = pandas.MultiIndex.from_tuples([key for key, _, _ in columns], names=["device_id", "measurement"])
    frame: pd.DataFrame = pandas.concat(parts, axis=1, sort=False).sort_index()
    frame.columns = keys
    return frame


def indexed_frame(columns: Mapping[str, NDArray[Any]], index: Sequence[str]) -> pd.DataFrame:
    """A DataFrame of columns of one length over some of them; where one is masked there is no value."""
    pandas = _imported()
    frame: pd.DataFrame = pandas.DataFrame({name: _column(pandas, column) for name, column in columns.items()})
    return frame.set_index(list(index))


def _column(pandas: Any, column: NDArray[Any]) -> Any:
    if column.dtype.kind == "M":
        return pandas.Series(column).dt.tz_localize("UTC")
    if not isinstance(column, np.ma.MaskedArray):
        return column
    if column.dtype == np.float64:
        return column.filled(np.nan)
    found = pandas.Series(column.data, dtype=_NULLABLE.get(column.dtype, column.dtype))
    return found.mask(np.ma.getmaskarray(column), None if column.dtype == object else pandas.NA)


def _index(timestamps: NDArray[np.datetime64]) -> Any:
    return _imported().DatetimeIndex(timestamps, name="timestamp").tz_localize("UTC")


def _imported() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("pandas is not installed: pip install 'iotflow-telemetry[pandas]'") from error
    return pandas
