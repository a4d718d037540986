"""Writing in columns: the form in which many points travel. The encoder knows nothing of streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._arrays import ColumnValues, encode_column, put_fixed
from iotflow.telemetry._errors import invalid, within
from iotflow.telemetry._records import int32, named, text
from iotflow.telemetry._times import microsecond_array
from iotflow.telemetry.v1.value_pb2 import ColumnBatch


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Points of one device: n timestamps, and for each measurement n values of one kind.

    ``timestamps`` is a datetime64 array (UTC), an integer array of microseconds since 1970, or a list of moments as
    in Record; in any order, and of repeated ones the last row wins. A column is an array of float, int, bool or
    objects, or a list; a value is missing only where a numpy.ma.MaskedArray is masked (NaN is a value).
    ``metadata`` are columns too. ``quality`` holds n integers of 32 bits; None leaves it as it is. ``user_id`` only
    matters where it registers an unknown device.
    """

    device_id: int
    timestamps: NDArray[Any] | list[Any]
    columns: Mapping[str, ColumnValues]
    metadata: Mapping[str, ColumnValues] = field(default_factory=dict)
    quality: ColumnValues | None = None
    user_id: int = 0


def encode_columns(columns: Columns) -> ColumnBatch:
    """The message of columns.

    :raises InvalidArgumentError: they cannot be sent; the error names the field.
    """
    if not isinstance(columns, Columns):
        raise invalid("", f"{type(columns).__name__} is no Columns")
    device_id, user_id = int32(columns.device_id, "device_id"), int32(columns.user_id, "user_id")
    message = ColumnBatch(device_id=device_id, user_id=user_id)
    timestamps = microsecond_array(columns.timestamps, "timestamps")
    put_fixed(message, "timestamps", timestamps.astype("<i8", copy=False))
    for part, given in (("columns", columns.columns), ("metadata", columns.metadata)):
        for name, values in named(given, part).items():
            with within(f'{part}["{name}"]'):
                encode_column(getattr(message, part).add(), text(name, ""), values, len(timestamps))
    if columns.quality is not None:
        message.quality_flags.extend(_quality(columns.quality, len(timestamps)))
    return message


def _quality(flags: ColumnValues, row_count: int) -> list[int]:
    if isinstance(flags, np.ma.MaskedArray) and np.ma.is_masked(flags):
        raise invalid("quality", "each row needs a flag: none may be masked")
    listed = [int32(flag, f"quality[{row}]") for row, flag in enumerate(flags)]
    if len(listed) != row_count:
        raise invalid("quality", f"{len(listed)} flags for {row_count} timestamps")
    return listed
