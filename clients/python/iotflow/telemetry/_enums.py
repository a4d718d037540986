"""Enumerations in words: ``Store.POSTGRES == "postgres"``. Where one is an argument its word does as well."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, TypeVar

from iotflow.telemetry._errors import invalid
from iotflow.telemetry.v1 import job_pb2, migration_service_pb2, telemetry_service_pb2, value_pb2


class Store(enum.StrEnum):
    """A place where points are stored."""

    UNKNOWN = "unknown"
    IOTDB = "iotdb"
    POSTGRES = "postgres"


class Kind(enum.StrEnum):
    """Kind of a value, or of the values of a series."""

    UNKNOWN = "unknown"
    NUMERIC = "numeric"
    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    JSON = "json"
    MIXED = "mixed"


class TimePrecision(enum.StrEnum):
    """How finely the stores keep time."""

    UNKNOWN = "unknown"
    MILLISECOND = "millisecond"
    MICROSECOND = "microsecond"


class RejectionReason(enum.StrEnum):
    """Why a point was not stored."""

    UNKNOWN = "unknown"
    DEVICE_ID = "device_id"
    UNKNOWN_DEVICE = "unknown_device"
    NAME = "name"
    TIMESTAMP = "timestamp"
    VALUE = "value"
    TYPE = "type"
    SHAPE = "shape"


class Order(enum.StrEnum):
    """Order of points by time."""

    ASCENDING = "ascending"
    DESCENDING = "descending"


class Aggregation(enum.StrEnum):
    """What to compute of a series; the protos say of which kinds."""

    MEAN = "mean"
    SUM = "sum"
    COUNT = "count"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    MEDIAN = "median"
    STDDEV = "stddev"
    PERCENTILE = "percentile"
    RANGE = "range"
    RATE = "rate"


class Fill(enum.StrEnum):
    """What an aggregation answers for a window that holds no point; the protos say it in full."""

    NONE = "none"
    NULL = "null"
    PREVIOUS = "previous"
    LINEAR = "linear"


class CalendarUnit(enum.StrEnum):
    """A unit of the calendar."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class DownsamplingMethod(enum.StrEnum):
    """How a series is reduced to few of its points; the protos say it in full."""

    LTTB = "lttb"
    MIN_MAX = "min_max"


class Phase(enum.StrEnum):
    """Where a fleet stands on its way from IoTDB to PostgreSQL."""

    UNKNOWN = "unknown"
    PREPARATION = "preparation"
    DUAL_WRITE = "dual_write"
    READ_POSTGRES = "read_postgres"
    POSTGRES_ONLY = "postgres_only"
    DECOMMISSIONED = "decommissioned"


class JobKind(enum.StrEnum):
    """What a job does."""

    UNKNOWN = "unknown"
    BACKFILL = "backfill"
    VERIFICATION = "verification"
    REPAIR = "repair"
    ARCHIVE = "archive"


class JobState(enum.StrEnum):
    """Where a job stands; the protos say it in full."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DifferenceKind(enum.StrEnum):
    """A kind of difference between the stores: what the secondary lacks, has otherwise, or has too much."""

    MISSING = "missing"
    MISMATCHED = "mismatched"
    EXTRA = "extra"


Word = TypeVar("Word", bound=enum.StrEnum)

_WIRE: dict[type[enum.StrEnum], tuple[Any, str]] = {
    Store: (value_pb2.Store, "STORE_"),
    Kind: (value_pb2.ValueKind, "VALUE_KIND_"),
    TimePrecision: (telemetry_service_pb2.TimePrecision, "TIME_PRECISION_"),
    RejectionReason: (telemetry_service_pb2.RejectionReason, "REJECTION_REASON_"),
    Order: (telemetry_service_pb2.Order, "ORDER_"),
    Aggregation: (telemetry_service_pb2.Aggregation, "AGGREGATION_"),
    Fill: (telemetry_service_pb2.Fill, "FILL_"),
    CalendarUnit: (telemetry_service_pb2.CalendarUnit, "CALENDAR_UNIT_"),
    DownsamplingMethod: (telemetry_service_pb2.DownsamplingMethod, "DOWNSAMPLING_METHOD_"),
    Phase: (migration_service_pb2.Phase, "PHASE_"),
    JobKind: (job_pb2.JobKind, "JOB_KIND_"),
    JobState: (job_pb2.JobState, "JOB_STATE_"),
    DifferenceKind: (migration_service_pb2.DifferenceKind, "DIFFERENCE_KIND_"),
}


def _numbered(kind: type[enum.StrEnum]) -> dict[str, int]:
    values, prefix = _WIRE[kind]
    return {str(word): values.Value(prefix + word.name) for word in kind if word.name != "UNKNOWN"}


_NUMBERS = {kind: _numbered(kind) for kind in _WIRE}
_WORDS = {kind: {number: kind(word) for word, number in numbers.items()} for kind, numbers in _NUMBERS.items()}


def number_of(kind: type[Word], word: Word | str, field: str) -> int:
    """The number that a word has in messages.

    :raises InvalidArgumentError: there is no such word.
    """
    try:
        return _NUMBERS[kind][str(word).lower()]
    except KeyError:
        words = ", ".join(_NUMBERS[kind])
        raise invalid(field, f"{word!r} is none of {words}") from None


def numbers_of(kind: type[Word], words: Iterable[Word | str], field: str) -> list[Any]:
    """The numbers of several words.

    :raises InvalidArgumentError: it is one str, or there is no such word.
    """
    if isinstance(words, str):
        raise invalid(field, f"{words!r} is a str: give a list of words")
    return [number_of(kind, word, f"{field}[{index}]") for index, word in enumerate(words)]


def word_of(kind: type[Word], number: int) -> Word:
    """The word for a number; UNKNOWN where a newer server knows one more."""
    words: dict[int, Any] = _WORDS[kind]
    word: Word = words.get(number) or kind("unknown")
    return word
