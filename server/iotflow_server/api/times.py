"""Timestamps and durations of protobuf from and to microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from iotflow_server.api.validate import timestamp_fault

SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(timestamp: Timestamp) -> int:
    """Microseconds since 1970, finer digits floored.

    :raises ValueError: it is no moment of the years 1 to 9999; the message is for the client.
    """
    if not 0 <= timestamp.nanos < 1_000_000_000:
        raise ValueError("nanos must be 0 to 999999999")
    result = timestamp.seconds * SECOND + timestamp.nanos // 1000
    if (fault := timestamp_fault(result)) is not None:
        raise ValueError(fault)
    return result


def duration_microseconds(duration: Duration) -> int:
    """Microseconds of a duration, finer digits floored."""
    return duration.seconds * SECOND + duration.nanos // 1000


def timestamp_message(microseconds_since_1970: int) -> Timestamp:
    """The Timestamp of a moment."""
    seconds, rest = divmod(microseconds_since_1970, SECOND)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def moment_message(moment: datetime) -> Timestamp:
    """The Timestamp of an aware datetime."""
    return timestamp_message((moment - _EPOCH) // timedelta(microseconds=1))
