"""Writing record by record, and what becomes of a write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from iotflow.telemetry._enums import RejectionReason, Store, TimePrecision, word_of
from iotflow.telemetry._errors import invalid, within
from iotflow.telemetry._times import Moment, timestamp_message
from iotflow.telemetry._values import Value, encode_value
from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import TelemetryRecord

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Record:
    """What one device reports for one moment.

    ``values`` by measurement name. ``timestamp`` is an aware datetime, a numpy.datetime64 (UTC) or an int of
    microseconds since 1970; None is the server's time. ``metadata`` are facts about this record, by key.
    ``quality_flag`` None leaves it as it is. ``user_id`` only matters where it registers an unknown device.
    """

    device_id: int
    values: Mapping[str, Value]
    timestamp: Moment | None = None
    metadata: Mapping[str, Value] | None = None
    quality_flag: int | None = None
    user_id: int = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """Points that were not stored.

    ``index`` is that of the record within its write, or of the columns within their send; ``field`` the path of
    what is wrong; ``measurement`` is empty where the whole record or batch was rejected; ``rows`` are the rows of
    the batch, empty for all of them; ``point_count`` is how many points are meant. ``sequence`` is the number of the
    message within its stream, 0 outside of streams.
    """

    index: int
    field: str
    device_id: int
    measurement: str
    reason: RejectionReason
    message: str
    point_count: int
    rows: tuple[int, ...] = ()
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of a write: ``accepted_points`` are durable in ``stored_in``, metadata not counted.

    Timestamps were floored to ``time_precision``.
    """

    accepted_points: int = 0
    rejections: tuple[Rejection, ...] = ()
    stored_in: tuple[Store, ...] = ()
    time_precision: TimePrecision = TimePrecision.UNKNOWN


def encode_records(records: Iterable[Record]) -> pb.WriteTelemetryRequest:
    """The request of a write.

    :raises InvalidArgumentError: a record cannot be sent; the error names its field.
    """
    if isinstance(records, Record):
        raise invalid("records", "a Record alone: give a list of them")
    request = pb.WriteTelemetryRequest()
    for index, record in enumerate(records):
        if not isinstance(record, Record):
            raise invalid(f"records[{index}]", f"{type(record).__name__} is no Record")
        with within(f"records[{index}]."):
            _encode(request.records.add(), record)
    return request


def decode_write(response: pb.WriteTelemetryResponse) -> WriteResult:
    """The result of a write."""
    return WriteResult(
        response.accepted_points,
        tuple(rejection_of(rejection) for rejection in response.rejections),
        stores_of(response.stored_in),
        word_of(TimePrecision, response.time_precision),
    )


def rejection_of(message: pb.Rejection, sequence: int = 0) -> Rejection:
    """The rejection of a message."""
    return Rejection(
        message.index,
        message.field,
        message.device_id,
        message.measurement,
        word_of(RejectionReason, message.reason),
        message.message,
        message.point_count,
        tuple(message.rows),
        sequence,
    )


def stores_of(numbers: Sequence[int]) -> tuple[Store, ...]:
    """The stores of a message."""
    return tuple(word_of(Store, number) for number in numbers)


def int32(number: int, field: str) -> int:
    """The number, if a message can hold it.

    :raises InvalidArgumentError: it cannot.
    """
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise invalid(field, f"{number!r} is no integer")
    result = number.__index__()
    if not -(2**31) <= result < 2**31:
        raise invalid(field, f"{result} is not within {-(2**31)} to {2**31 - 1}")
    return result


def named(given: Mapping[str, T], field: str) -> Mapping[str, T]:
    """What is given by name.

    :raises InvalidArgumentError: it is no mapping.
    """
    if not isinstance(given, Mapping):
        raise invalid(field, f"{type(given).__name__} is no mapping of names to values")
    return given


def text(word: object, field: str) -> str:
    """The word, if it is one.

    :raises InvalidArgumentError: it is no str, or no Unicode text.
    """
    if not isinstance(word, str):
        raise invalid(field, f"{word!r} is no str")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise invalid(field, f"{word!r} is no Unicode text") from None
    return word


def _encode(message: TelemetryRecord, record: Record) -> None:
    message.device_id = int32(record.device_id, "device_id")
    message.user_id = int32(record.user_id, "user_id")
    if record.timestamp is not None:
        message.timestamp.CopyFrom(timestamp_message(record.timestamp, "timestamp"))
    for name, value in named(record.values, "values").items():
        encode_value(message.values[text(name, "values")], value, f'values["{name}"]')
    for key, value in named(record.metadata or {}, "metadata").items():
        encode_value(message.metadata[text(key, "metadata")], value, f'metadata["{key}"]')
    if record.quality_flag is not None:
        message.quality_flag = int32(record.quality_flag, "quality_flag")
