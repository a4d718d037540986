"""What a stream has sent and the server has not yet acknowledged. Both kinds of stream keep this one book."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc

from iotflow.telemetry._columns import Columns, encode_columns
from iotflow.telemetry._enums import Store, TimePrecision, word_of
from iotflow.telemetry._errors import DeadlineExceededError, TelemetryError, UnavailableError, within
from iotflow.telemetry._records import Rejection, WriteResult, rejection_of, stores_of
from iotflow.telemetry._writer_identity import WriterIdentity
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamRequest, WriteTelemetryStreamResponse

#: Bytes that may be sent and not yet acknowledged: what the server takes of one stream by default.
DEFAULT_WINDOW_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A message of a stream is durable, but for its rejections."""

    sequence: int
    rejections: tuple[Rejection, ...]
    stored_in: tuple[Store, ...]


Future = TypeVar("Future", "asyncio.Future[Acknowledgement]", "concurrent.futures.Future[Acknowledgement]")


@dataclass(frozen=True, slots=True, eq=False)
class Sent(Generic[Future]):
    """A message that was sent.

    ``acknowledged`` is done once the message is durable: an asyncio future in the asyncio client, where it is awaited,
    and a concurrent one in the blocking client, where ``acknowledged.result()`` waits. It fails with a TelemetryError
    where the stream ended before: then it is not known whether the message was stored, and sending it again is
    harmless. ``nbytes`` is the size of the message.
    """

    sequence: int
    nbytes: int
    acknowledged: Future


class Ledger(Generic[Future]):
    """Numbers messages, keeps them until they are acknowledged, and counts their bytes against a window."""

    def __init__(self, window_bytes: int, writer: WriterIdentity) -> None:
        self._window_bytes = window_bytes
        self._writer = writer
        self._outstanding: deque[Sent[Future]] = deque()
        self._nbytes = 0
        self._sequence = 0
        self._accepted_points = 0
        self._rejections: list[Rejection] = []
        self._stored_in: dict[Store, None] = {}
        self._precision = TimePrecision.UNKNOWN

    @property
    def is_settled(self) -> bool:
        """Whether all that was sent is acknowledged."""
        return not self._outstanding

    def has_room(self, nbytes: int) -> bool:
        """Whether a message may be sent now; one larger than the window goes alone."""
        return not self._outstanding or self._nbytes + nbytes <= self._window_bytes

    def enter(self, request: WriteTelemetryStreamRequest, nbytes: int, future: Future) -> Sent[Future]:
        """Number a message that is about to be sent."""
        if not self._sequence:
            self._writer.sign(request)
        self._sequence += 1
        request.sequence = self._sequence
        sent = Sent(self._sequence, nbytes, future)
        self._outstanding.append(sent)
        self._nbytes += nbytes
        return sent

    def acknowledge(self, response: WriteTelemetryStreamResponse) -> None:
        """Settle what a response acknowledges."""
        rejections = [rejection_of(each.rejection, each.sequence) for each in response.rejections]
        stored_in = stores_of(response.stored_in)
        self._accepted_points += response.accepted_points
        self._rejections += rejections
        self._stored_in |= dict.fromkeys(stored_in)
        self._precision = word_of(TimePrecision, response.time_precision)
        while self._outstanding and self._outstanding[0].sequence <= response.acknowledged_sequence:
            sent = self._outstanding.popleft()
            self._nbytes -= sent.nbytes
            own = tuple(each for each in rejections if each.sequence == sent.sequence)
            if not sent.acknowledged.done():
                sent.acknowledged.set_result(Acknowledgement(sent.sequence, own, stored_in))

    def fail(self, error: TelemetryError) -> None:
        """Nothing more will be acknowledged."""
        while self._outstanding:
            future = self._outstanding.popleft().acknowledged
            if not future.done():
                future.set_exception(error)
                # Whoever does not look at it learns of the error from the stream.
                future.exception()

    def take_result(self) -> WriteResult:
        """What was acknowledged since the last call of this method."""
        result = WriteResult(
            self._accepted_points, tuple(self._rejections), tuple(sorted(self._stored_in)), self._precision
        )
        self._accepted_points, self._rejections, self._stored_in = 0, [], {}
        return result


def stream_request(batches: tuple[Columns, ...]) -> WriteTelemetryStreamRequest:
    """The message of batches, not yet numbered.

    :raises InvalidArgumentError: they cannot be sent.
    """
    request = WriteTelemetryStreamRequest()
    for index, columns in enumerate(batches):
        with within(f"batches[{index}]."):
            request.batches.append(encode_columns(columns))
    return request


def ended_early() -> TelemetryError:
    """The error of a stream that ended without one."""
    return UnavailableError(grpc.StatusCode.UNAVAILABLE, "the stream ended before all was acknowledged; send it again")


def closed() -> TelemetryError:
    """The error of what was not acknowledged when the stream was closed from this side."""
    return TelemetryError(grpc.StatusCode.CANCELLED, "the stream was closed before this was acknowledged")


def out_of_time(what: str, timeout: float | None) -> DeadlineExceededError:
    """The error of a wait that took too long."""
    return DeadlineExceededError(grpc.StatusCode.DEADLINE_EXCEEDED, f"{what} within {timeout} s")
