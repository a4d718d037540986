"""One WriteTelemetryStream: reads ahead while earlier messages are written, and acknowledges them in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field

from iotflow.telemetry.v1.telemetry_service_pb2 import StreamRejection, WriteTelemetryStreamResponse
from iotflow_server.api.encode import precision_message, store_messages
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.stream_requests import StreamRequest
from iotflow_server.api.stream_writers import check_same, writer_of
from iotflow_server.api.writes import PendingWrite, WriteResult, Writes
from iotflow_server.ingest.errors import DrainingError
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.stream_writer import StreamWriter

#: An acknowledgement with this many rejections is sent without waiting for more.
_REJECTIONS_PER_ACK = 100
#: A client that has several messages under way gets acknowledgements of so many together, but waits no longer than so
#: many seconds, and less where nothing is under way any more: to send one costs more than to take a small message in.
#: Who sends one message at a time gets its acknowledgement at once.
_MESSAGES_PER_ACK = 16
_ACK_SECONDS = 0.2
_LAST_ACK_SECONDS = 0.005


class _Message:
    """A message that is being written; it waits for that itself."""

    __slots__ = ("_settled", "error", "outcome", "pending", "sequence")

    def __init__(self, sequence: int, pending: PendingWrite, settled: Callable[[_Message], None]) -> None:
        self.sequence = sequence
        self.pending = pending
        #: One of these once it is settled.
        self.outcome: WriteOutcome | None = None
        self.error: Exception | None = None
        self._settled = settled

    def stored(self, outcome: WriteOutcome) -> None:
        self.outcome = outcome
        self._settled(self)

    def failed(self, error: Exception) -> None:
        self.error = error
        self._settled(self)

    def withdrawn(self) -> None:
        """The stream has ended."""


@dataclass(slots=True, eq=False)
class _Ack:
    """What one response will acknowledge."""

    sequence: int = 0
    accepted_points: int = 0
    precision_us: int = 1
    stored_in: dict[StoreName, None] = field(default_factory=dict)
    rejections: list[StreamRejection] = field(default_factory=list)
    nbytes: int = 0

    def add(self, result: WriteResult) -> None:
        self.accepted_points += result.accepted_points
        self.precision_us = result.precision_us
        self.stored_in |= dict.fromkeys(result.stored_in)
        for rejection in result.rejections:
            self.rejections.append(StreamRejection(sequence=self.sequence, rejection=rejection))

    def add_plain(self, points: int, outcome: WriteOutcome) -> None:
        self.accepted_points += points
        self.precision_us = outcome.precision_us
        if points:
            self.stored_in |= dict.fromkeys(outcome.stored_in)

    def response(self) -> WriteTelemetryStreamResponse:
        return WriteTelemetryStreamResponse(
            acknowledged_sequence=self.sequence,
            rejections=self.rejections,
            accepted_points=self.accepted_points,
            stored_in=store_messages(tuple(self.stored_in)),
            time_precision=precision_message(self.precision_us),
        )


class WriteStream:
    """The two halves of a stream: a task that reads and begins writes, and :meth:`responses`, which acknowledges.

    Between them stand at most ``max_bytes`` that are not yet acknowledged; then reading pauses, and gRPC's flow
    control holds the client back.
    """

    def __init__(self, writes: Writes, max_bytes: int, max_points: int) -> None:
        self._writes = writes
        self._max_points = max_points
        self._max_bytes = max_bytes
        self._held = 0
        self._room = asyncio.Event()
        self._messages: deque[_Message] = deque()
        self._unsettled = 0
        self._settled_since_ack = 0
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._has_read_all = False
        self._reader: asyncio.Task[None] | None = None
        self._is_draining = False
        self._sequence = 0
        self._writer: StreamWriter | None = None

    @property
    def holds_messages(self) -> bool:
        """Whether there are messages that were read and neither acknowledged nor given up."""
        return bool(self._messages)

    def drain(self) -> None:
        """Read no more; what was read is finished and acknowledged."""
        self._is_draining = True
        if self._reader is not None:
            self._reader.cancel()

    async def responses(
        self, requests: AsyncIterator[StreamRequest]
    ) -> AsyncGenerator[WriteTelemetryStreamResponse, None]:
        """Yield acknowledgements until the client has sent all, or something ends the stream.

        :raises DrainingError: :meth:`drain` was called.
        :raises InvalidRequestError: the sequence does not increase, or the writer changes.
        :raises WriterSupersededError: a later stream of the writer has begun.
        :raises StoreUnavailableError: what follows the last acknowledgement was not stored, or not for certain.
        """
        reader = self._reader = asyncio.create_task(self._read(requests), name="stream-reader")
        reader.add_done_callback(self._reading_ended)
        if self._is_draining:
            self.drain()
        try:
            async for ack in self._acknowledgements():
                yield ack.response()
                # Room comes back only now, so that a client which does not read its acknowledgements waits.
                self._give_back(ack.nbytes)
            await asyncio.wait({reader})
            if reader.cancelled():
                raise DrainingError
            reader.result()
        finally:
            await _ended(reader)
            if self._timer is not None:
                self._timer.cancel()
            # What was not acknowledged will be sent again.
            self._writes.withdraw([message.pending for message in self._messages])
            # An error holds on to where it was raised, and so to this, until Python looks for garbage.
            self._messages.clear()

    async def _read(self, requests: AsyncIterator[StreamRequest]) -> None:
        async for request in requests:
            await self._accept(request)

    def _reading_ended(self, _: object) -> None:
        """Also where it was cancelled before it began, and ran no line of its own."""
        self._has_read_all = True
        self._due.set()

    async def _accept(self, request: StreamRequest) -> None:
        # Most messages wait for nothing, and a coroutine for each step would cost as much as the steps.
        if request.sequence <= self._sequence:
            fault = f"{request.sequence} follows {self._sequence}: each message needs a greater sequence, from 1 on"
            raise InvalidRequestError(("sequence", fault))
        if not self._sequence or request.writer_id or request.attempt:
            await self._identify(request)
        message = request.message
        # A value takes a byte at least, so that most messages need not be counted.
        if message.nbytes > self._max_points and (count := message.value_count) > self._max_points:
            limit = f"at most {self._max_points} are taken (IOTFLOW_MAX_MESSAGE_POINTS): send several messages"
            raise InvalidRequestError(("batches", f"they hold {count} values; {limit}"))
        pending = self._writes.prepared(message, self._writer) or await self._writes.prepare(message, self._writer)
        # A message larger than the limit goes alone.
        while self._held and self._held + pending.nbytes > self._max_bytes:
            await self._room_given_back()
        self._held += pending.nbytes
        entry = _Message(request.sequence, pending, self._settled)
        if not self._writes.begun(pending, entry):
            await self._writes.begin(pending, entry)
        self._sequence = request.sequence
        self._messages.append(entry)
        self._unsettled += 1

    async def _identify(self, request: StreamRequest) -> None:
        if self._sequence:
            check_same(request, self._writer)
            return
        self._writer = writer_of(request)
        if self._writer is not None:
            await self._writes.enter(self._writer)

    async def _room_given_back(self) -> None:
        self._room.clear()
        await self._room.wait()

    def _give_back(self, nbytes: int) -> None:
        self._held -= nbytes
        self._room.set()

    def _settled(self, message: _Message) -> None:
        """A message is durable, or has failed: see whether that is worth an acknowledgement now."""
        self._unsettled -= 1
        self._settled_since_ack += 1
        is_alone = not self._unsettled and self._settled_since_ack == 1
        if is_alone or self._settled_since_ack >= _MESSAGES_PER_ACK or message.error is not None:
            self._due.set()
        else:
            self._acknowledge_within(_ACK_SECONDS if self._unsettled else _LAST_ACK_SECONDS)

    def _acknowledge_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._due.set)

    async def _acknowledgements(self) -> AsyncIterator[_Ack]:
        while self._messages or not self._has_read_all:
            await self._due.wait()
            ack = self._collected()
            if ack.nbytes:
                yield ack
            elif self._messages and (error := self._messages[0].error) is not None:
                raise error

    def _collected(self) -> _Ack:
        """The messages that are durable by now, up to the first that is not."""
        self._due.clear()
        self._settled_since_ack = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ack, plain = _Ack(), 0
        while self._messages:
            message = self._messages[0]
            if message.error is not None or len(ack.rejections) >= _REJECTIONS_PER_ACK:
                self._due.set()
                break
            if (outcome := message.outcome) is None:
                break
            self._messages.popleft()
            ack.sequence = message.sequence
            ack.nbytes += message.pending.nbytes
            points = message.pending.plain_points(outcome)
            if points is None:
                ack.add(self._writes.result(message.pending, outcome))
            else:
                ack.add_plain(points, outcome)
                plain += points
        self._writes.count(plain)
        return ack


async def _ended(reader: asyncio.Task[None]) -> None:
    reader.cancel()
    await asyncio.wait({reader})
    if not reader.cancelled():
        # Where something else ended the stream, this error is of no more interest.
        reader.exception()
