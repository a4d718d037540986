"""Moments and lengths of time from and to messages, exact to the microsecond."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from iotflow.telemetry._errors import invalid

#: An aware datetime, a numpy.datetime64 (UTC), or microseconds since 1970-01-01T00:00:00Z as an integer.
Moment: TypeAlias = datetime | np.datetime64 | int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_INT64 = np.iinfo(np.int64)
_WANTED = "an aware datetime, a numpy.datetime64, or an int of microseconds since 1970"


def microseconds(moment: Moment, field: str) -> int:
    """Microseconds since 1970, finer digits floored.

    :raises InvalidArgumentError: a datetime without time zone, NaT, or something else.
    """
    if isinstance(moment, datetime):
        return _of_datetime(moment, field)
    if isinstance(moment, np.datetime64):
        return int(_of_datetime64(np.array([moment]), field)[0])
    if isinstance(moment, (int, np.integer)) and not isinstance(moment, bool):
        return _in_int64(int(moment), field)
    raise invalid(field, f"{moment!r} is no moment: give {_WANTED}")


def microsecond_array(moments: Any, field: str) -> NDArray[np.int64]:
    """Microseconds since 1970 of an array (datetime64 or integers) or an iterable of moments, shape (n,)."""
    if hasattr(moments, "dtype") and not isinstance(moments, np.generic):
        return _of_array(np.asarray(moments), field)
    if not isinstance(moments, Iterable):
        raise invalid(field, f"{moments!r} are no timestamps: give an array or a list")
    return np.array([microseconds(moment, f"{field}[{row}]") for row, moment in enumerate(moments)], dtype=np.int64)


def timestamp_message(moment: Moment, field: str) -> Timestamp:
    """The message of a moment."""
    seconds, rest = divmod(microseconds(moment, field), _SECOND)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def moment_of(message: Timestamp) -> datetime:
    """The aware datetime (UTC) of a message."""
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def duration_message(length: timedelta, field: str) -> Duration:
    """The message of a length of time."""
    if not isinstance(length, timedelta):
        raise invalid(field, f"{length!r} is no length of time: give a datetime.timedelta")
    seconds, rest = divmod(length // _MICROSECOND, _SECOND)
    return Duration(seconds=seconds, nanos=rest * 1000)


def _of_datetime(moment: datetime, field: str) -> int:
    if moment.utcoffset() is None:
        raise invalid(field, f"{moment} has no time zone: add one, as in datetime.now(timezone.utc)")
    return (moment - _EPOCH) // _MICROSECOND


def _of_array(moments: NDArray[Any], field: str) -> NDArray[np.int64]:
    if moments.ndim != 1:
        raise invalid(field, f"shape {moments.shape}: timestamps have one dimension")
    if moments.dtype.kind == "M":
        return _of_datetime64(moments, field)
    if moments.dtype.kind == "i" or (moments.dtype.kind == "u" and moments.dtype.itemsize < 8):
        return moments.astype(np.int64)
    if moments.dtype == object:
        return microsecond_array(moments.tolist(), field)
    raise invalid(field, f"an array of {moments.dtype} holds no timestamps: give {_WANTED}")


def _of_datetime64(moments: NDArray[Any], field: str) -> NDArray[np.int64]:
    missing = np.flatnonzero(np.isnat(moments))
    if len(missing):
        raise invalid(field, f"row {missing[0]} is NaT: leave the row out")
    # Conversions to microseconds would overflow in silence.
    years = moments.astype("datetime64[Y]").astype(np.int64) + 1970
    if ((years < 1) | (years > 9999)).any():
        raise invalid(field, "only the years 1 to 9999 can be stored")
    return moments.astype("datetime64[us]").astype(np.int64)


def _in_int64(number: int, field: str) -> int:
    if not _INT64.min <= number <= _INT64.max:
        raise invalid(field, f"{number} is beyond 64 bits")
    return number
