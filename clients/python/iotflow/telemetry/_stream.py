"""The write stream of the asyncio client."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import grpc

from iotflow.telemetry._channel import DEFAULT_TIMEOUT
from iotflow.telemetry._columns import Columns
from iotflow.telemetry._errors import TelemetryError
from iotflow.telemetry._ledger import Acknowledgement, Ledger, Sent, closed, ended_early, out_of_time, stream_request
from iotflow.telemetry._records import WriteResult
from iotflow.telemetry._status import error_of
from iotflow.telemetry._writer_identity import WriterIdentity


class WriteStream:
    """Writes columns, many messages ahead of their acknowledgements; made by ``client.write_stream()``.

    ``async with`` flushes at its end. When the connection is lost all methods raise, and what was not acknowledged has
    to be sent again over a new stream, which stores nothing twice.
    """

    def __init__(self, method: Any, window_bytes: int, writer: WriterIdentity) -> None:
        self._call: Any = method()
        self._ledger: Ledger[asyncio.Future[Acknowledgement]] = Ledger(window_bytes, writer)
        self._changed = asyncio.Condition()
        self._sending = asyncio.Lock()
        self._error: TelemetryError | None = None
        self._reader = asyncio.create_task(self._read(), name="write-stream-reader")
        #: What the last flush returned.
        self.result = WriteResult()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._close()

    async def send(
        self, *batches: Columns, timeout: float | None = DEFAULT_TIMEOUT
    ) -> Sent[asyncio.Future[Acknowledgement]]:
        """Send batches as one message, after waiting for room in the window.

        A message may have 16 MiB by the server's default. The result's ``acknowledged`` can be awaited.

        :raises InvalidArgumentError: a batch cannot be sent; the error names its field, and the stream goes on.
        :raises DeadlineExceededError: there was no room in ``timeout`` seconds; nothing was sent, the stream goes on.
        :raises TelemetryError: the stream has ended.
        """
        request = stream_request(batches)
        nbytes = request.ByteSize()
        async with self._sending:
            await self._wait_until(lambda: self._ledger.has_room(nbytes), "no room in the window", timeout)
            sent = self._ledger.enter(request, nbytes, asyncio.get_running_loop().create_future())
            await self._write(request)
        return sent

    async def flush(self, *, timeout: float | None = DEFAULT_TIMEOUT) -> WriteResult:
        """Wait until all that was sent is acknowledged; return what became of it since the last flush.

        :raises DeadlineExceededError: it was not in ``timeout`` seconds; the stream goes on.
        :raises TelemetryError: the stream has ended.
        """
        await self._wait_until(lambda: self._ledger.is_settled, "not all was acknowledged", timeout)
        self.result = self._ledger.take_result()
        return self.result

    async def _wait_until(self, is_so: Any, what: str, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self._error is not None or is_so())
        except TimeoutError:
            raise out_of_time(what, timeout) from None
        if self._error is not None:
            raise self._error

    async def _write(self, request: Any) -> None:
        try:
            await self._call.write(request)
        except (grpc.RpcError, asyncio.InvalidStateError):
            # The reader learns why.
            await asyncio.wait({self._reader})
            raise self._error or ended_early() from None

    async def _read(self) -> None:
        try:
            async for response in self._call:
                self._ledger.acknowledge(response)
                await self._notify()
            await self._end(ended_early())
        except grpc.RpcError as error:
            await self._end(error_of(error))

    async def _end(self, error: TelemetryError) -> None:
        self._error = error
        self._ledger.fail(error)
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _close(self) -> None:
        self._call.cancel()
        self._reader.cancel()
        await asyncio.wait({self._reader})
        # A reader that is cancelled before its first step says nothing.
        if self._error is None:
            await self._end(closed())
