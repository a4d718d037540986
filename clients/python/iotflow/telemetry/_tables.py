"""Columns of arrays from lists of values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._arrays import object_array
from iotflow.telemetry._times import microseconds

_DTYPES: dict[frozenset[type], Any] = {
    frozenset({float}): np.float64,
    frozenset({int}): np.int64,
    frozenset({bool}): np.bool_,
}


def masked(values: Sequence[Any]) -> NDArray[Any]:
    """Values masked where they are None: float64, int64 or bool where all are of that type, else objects."""
    missing = np.array([value is None for value in values], dtype=np.bool_)
    types = frozenset(type(value) for value in values if value is not None)
    dtype = _DTYPES.get(types)
    data = object_array(values) if dtype is None else np.array([value or 0 for value in values], dtype=dtype)
    return np.ma.MaskedArray(data, mask=missing)


def moments_array(moments: Sequence[datetime | None]) -> NDArray[np.datetime64]:
    """Moments as datetime64[us] (UTC), NaT for None."""
    nat = np.iinfo(np.int64).min
    found = [nat if moment is None else microseconds(moment, "moment") for moment in moments]
    return np.array(found, dtype=np.int64).view("datetime64[us]")
