"""What a GatewayWriter tells of itself."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from iotflow.telemetry._enums import RejectionReason, word_of
from iotflow.telemetry._errors import SpoolError, TelemetryError
from iotflow.telemetry._requests import Request
from iotflow.telemetry._splitting import points_of
from iotflow.telemetry.v1 import telemetry_service_pb2 as pb
from iotflow.telemetry.v1.value_pb2 import ColumnBatch


class OnFull(enum.StrEnum):
    """What a write does when the spool is full: wait for room, make room by giving up the oldest points, or raise."""

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"
    RAISE = "raise"


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """A GatewayWriter at one moment.

    ``address`` is the service it is connected to, or tries to reach. ``is_refused`` says that the last attempt ended
    with something no retry cures, such as a wrong key: ``last_error`` names it. ``spooled_points`` are written and not
    yet acknowledged, in memory and on disk, and take ``spooled_bytes`` of the file at most; ``lag`` is the age of the
    oldest of them in seconds. The other counts begin with the writer: ``acknowledged_points`` are durable at the
    service, ``rejected_points`` were refused by it, ``dropped_points`` given up by "drop_oldest", and ``reconnects``
    are connections made after the first. ``set_aside`` is where a damaged spool was moved.
    """

    connected: bool
    address: str
    is_refused: bool
    spooled_points: int
    spooled_bytes: int
    lag: float
    acknowledged_points: int
    rejected_points: int
    dropped_points: int
    reconnects: int
    last_error: TelemetryError | SpoolError | None
    set_aside: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class RejectedPoints:
    """Points that the service did not store, for one reason.

    ``measurement`` is empty where all of the device's points at those moments are meant. ``timestamps`` are their
    moments, datetime64[us] (UTC); ``point_count`` is how many points are meant.
    """

    device_id: int
    measurement: str
    timestamps: NDArray[np.datetime64]
    reason: RejectionReason
    message: str
    point_count: int


def rejected_points(request: Request, response: pb.WriteTelemetryStreamResponse) -> Iterator[RejectedPoints]:
    """What was rejected of a message."""
    for each in response.rejections:
        if each.sequence == request.message.sequence:
            yield _rejected(request.message.batches[each.rejection.index], each.rejection)
    for batch in request.hopeless:
        yield _too_large(batch)


def _rejected(batch: ColumnBatch, rejection: pb.Rejection) -> RejectedPoints:
    rows = rejection.rows or _rows_of(batch, rejection.measurement)
    return RejectedPoints(
        rejection.device_id,
        rejection.measurement,
        _moments(batch.timestamps[row] for row in rows),
        word_of(RejectionReason, rejection.reason),
        rejection.message,
        rejection.point_count,
    )


def _rows_of(batch: ColumnBatch, measurement: str) -> Iterable[int]:
    """The rows with a value; without a measurement, all."""
    missing = {row for column in batch.columns if column.name == measurement for row in column.missing_rows}
    return (row for row in range(len(batch.timestamps)) if row not in missing)


def _too_large(batch: ColumnBatch) -> RejectedPoints:
    message = "the point alone makes a message larger than the service takes"
    measurement = batch.columns[0].name
    return RejectedPoints(
        batch.device_id, measurement, _moments(batch.timestamps), RejectionReason.VALUE, message, points_of(batch)
    )


def _moments(microseconds: Iterable[int]) -> NDArray[np.datetime64]:
    return np.array(list(microseconds), dtype=np.int64).view("datetime64[us]")
