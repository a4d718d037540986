"""One stream of a GatewayWriter: sends what the backlog hands out, settles what the server acknowledges."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from iotflow.telemetry._backlog import Backlog
from iotflow.telemetry._entries import Entry
from iotflow.telemetry._ledger import ended_early
from iotflow.telemetry._pulse import Pulse
from iotflow.telemetry._requests import Packer, Request
from iotflow.telemetry._status import error_of
from iotflow.telemetry._writer_identity import WriterIdentity
from iotflow.telemetry.v1.telemetry_service_pb2 import WriteTelemetryStreamResponse

#: Hands out what is to be sent next; waits where there is nothing.
Take = Callable[[], Awaitable[list[Entry]]]
#: Told what became of a message.
Settled = Callable[[Request, WriteTelemetryStreamResponse], None]


class Session:
    """A stream, from its beginning until it breaks."""

    def __init__(
        self, writer: WriterIdentity, backlog: Backlog, packer: Packer, window_bytes: int, on_settled: Settled
    ) -> None:
        self._writer = writer
        self._backlog = backlog
        self._packer = packer
        self._window_bytes = window_bytes
        self._on_settled = on_settled
        self._sent: deque[Request] = deque()
        self._partial: list[tuple[Request, WriteTelemetryStreamResponse]] = []
        self._nbytes = 0
        self._sequence = 0
        self._acknowledged = Pulse()
        #: Whether anything was acknowledged.
        self.has_progressed = False

    @property
    def sent(self) -> tuple[Request, ...]:
        """Messages that were sent and not acknowledged."""
        return tuple(self._sent)

    async def run(self, method: Any, take: Take) -> None:
        """Stream until the stream breaks; it always ends with an error.

        :raises TelemetryError: why it broke.
        :raises SpoolError: entries could not be read back.
        """
        call = method()
        reading = asyncio.create_task(self._read(call), name="gateway-reader")
        sending = asyncio.create_task(self._send(call, take), name="gateway-sender")
        try:
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                # The reader learns why the stream takes nothing more, unless the fault is on this side.
                sending.result()
            await reading
        finally:
            call.cancel()
            await _ended(reading, sending)

    async def _send(self, call: Any, take: Take) -> None:
        while True:
            for request in self._packer.requests(await take()):
                await self._wait_for_room(request.nbytes)
                if not await self._write(call, request):
                    return

    async def _write(self, call: Any, request: Request) -> bool:
        if not self._sequence:
            self._writer.sign(request.message)
        self._sequence += 1
        request.message.sequence = self._sequence
        self._sent.append(request)
        self._nbytes += request.nbytes
        try:
            await call.write(request.message)
        except (grpc.RpcError, asyncio.InvalidStateError):
            return False
        return True

    async def _wait_for_room(self, nbytes: int) -> None:
        await self._acknowledged.until(lambda: not self._sent or self._nbytes + nbytes <= self._window_bytes)

    async def _read(self, call: Any) -> None:
        try:
            async for response in call:
                self._settle(response)
        except grpc.RpcError as error:
            raise error_of(error) from None
        raise ended_early()

    def _settle(self, response: WriteTelemetryStreamResponse) -> None:
        self.has_progressed = True
        while self._sent and self._sent[0].message.sequence <= response.acknowledged_sequence:
            request = self._sent.popleft()
            self._nbytes -= request.nbytes
            self._partial.append((request, response))
            if request.completes:
                self._complete(request.completes)
        self._acknowledged.beat()

    def _complete(self, entry_id: int) -> None:
        # An entry that is only partly acknowledged is sent again after a loss, and must not be counted twice.
        for request, response in self._partial:
            self._on_settled(request, response)
        self._partial.clear()
        self._backlog.acknowledge(entry_id)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            # The first error is the one that counts.
            task.exception()
