"""The write stream of the blocking client."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Iterator
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


class BlockingWriteStream:
    """The twin of WriteStream for threads: the same methods without await, usable from several threads at once."""

    def __init__(self, method: Any, window_bytes: int, writer: WriterIdentity) -> None:
        self._ledger: Ledger[concurrent.futures.Future[Acknowledgement]] = Ledger(window_bytes, writer)
        self._changed = threading.Condition()
        self._error: TelemetryError | None = None
        self._is_closed = False
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._call = method(self._outgoing())
        self._reader = threading.Thread(target=self._read, name="write-stream-reader", daemon=True)
        self._reader.start()
        #: What the last flush returned.
        self.result = WriteResult()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._is_closed = True
            self._call.cancel()
            self._reader.join()

    def send(
        self, *batches: Columns, timeout: float | None = DEFAULT_TIMEOUT
    ) -> Sent[concurrent.futures.Future[Acknowledgement]]:
        """Send batches as one message; see WriteStream.send. ``acknowledged.result()`` waits for the acknowledgement.

        Callbacks added to ``acknowledged`` run in the stream's own thread and must not call the stream.
        """
        request = stream_request(batches)
        nbytes = request.ByteSize()
        with self._changed:
            self._wait_until(lambda: self._ledger.has_room(nbytes), "no room in the window", timeout)
            sent = self._ledger.enter(request, nbytes, concurrent.futures.Future())
            self._requests.put(request)
        return sent

    def flush(self, *, timeout: float | None = DEFAULT_TIMEOUT) -> WriteResult:
        """Wait until all is acknowledged; see WriteStream.flush."""
        with self._changed:
            self._wait_until(lambda: self._ledger.is_settled, "not all was acknowledged", timeout)
            self.result = self._ledger.take_result()
            return self.result

    def _wait_until(self, is_so: Callable[[], bool], what: str, timeout: float | None) -> None:
        if not self._changed.wait_for(lambda: self._error is not None or is_so(), timeout):
            raise out_of_time(what, timeout)
        if self._error is not None:
            raise self._error

    def _outgoing(self) -> Iterator[Any]:
        return iter(self._requests.get, None)

    def _read(self) -> None:
        try:
            for response in self._call:
                with self._changed:
                    self._ledger.acknowledge(response)
                    self._changed.notify_all()
            self._end(ended_early())
        except grpc.RpcError as error:
            self._end(closed() if self._is_closed else error_of(error))

    def _end(self, error: TelemetryError) -> None:
        with self._changed:
            self._error = error
            self._ledger.fail(error)
            self._changed.notify_all()
        # Ends the thread of gRPC that takes requests.
        self._requests.put(None)
