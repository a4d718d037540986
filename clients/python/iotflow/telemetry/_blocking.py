"""The blocking client: the twin of the asyncio client for threads, over the same calls."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import grpc

from iotflow.telemetry import _calls
from iotflow.telemetry._attempts import Attempts
from iotflow.telemetry._blocking_jobs import BlockingTelemetryJobs
from iotflow.telemetry._blocking_migration import BlockingTelemetryMigration
from iotflow.telemetry._blocking_reads import BlockingTelemetryReads
from iotflow.telemetry._blocking_stream import BlockingWriteStream
from iotflow.telemetry._calls import Answer, Call
from iotflow.telemetry._channel import DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_TIMEOUT, channel_options, methods_of
from iotflow.telemetry._devices import Device, DevicePage
from iotflow.telemetry._enums import Store
from iotflow.telemetry._errors import ClientClosedError
from iotflow.telemetry._ledger import DEFAULT_WINDOW_BYTES
from iotflow.telemetry._records import Record, WriteResult
from iotflow.telemetry._status import error_of
from iotflow.telemetry._times import Moment
from iotflow.telemetry._writer_identity import WriterIdentity


class BlockingTelemetryClient(BlockingTelemetryReads, BlockingTelemetryJobs, BlockingTelemetryMigration):
    """TelemetryClient for threads: the same methods, arguments, answers and errors, without await.

    Any number of threads may share it.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> None:
        options = channel_options(max_message_bytes)
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._known = methods_of(self._channel)
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._is_closed = True
        self._channel.close()

    def write(
        self,
        records: Iterable[Record],
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> WriteResult:
        """See TelemetryClient.write."""
        return self._answer(_calls.write(records), timeout)

    def write_stream(
        self, *, window_bytes: int = DEFAULT_WINDOW_BYTES, writer_id: str = "", attempt: int = 1
    ) -> BlockingWriteStream:
        """See TelemetryClient.write_stream."""
        method = self._methods["WriteTelemetryStream"]
        return BlockingWriteStream(method, window_bytes, WriterIdentity(writer_id, attempt))

    def delete(
        self,
        device_id: int,
        *,
        start: Moment,
        end: Moment,
        measurements: Iterable[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
    ) -> tuple[Store, ...]:
        """See TelemetryClient.delete."""
        return self._answer(_calls.delete(device_id, measurements, start, end), timeout)

    def register_device(
        self,
        device_id: int,
        user_id: int = 0,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Device:
        """See TelemetryClient.register_device."""
        return self._answer(_calls.register_device(device_id, user_id), timeout)

    def list_devices(
        self,
        *,
        user_id: int = 0,
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> DevicePage:
        """See TelemetryClient.list_devices."""
        return self._answer(_calls.list_devices(user_id, page_size, page_token), timeout)

    @property
    def _methods(self) -> dict[str, Any]:
        if self._is_closed:
            raise ClientClosedError
        return self._known

    def _answer(self, call: Call[Answer], timeout: float) -> Answer:
        attempts = Attempts(timeout, is_repeated=call.is_repeated)
        while True:
            try:
                return call.decode(self._methods[call.method](call.request, timeout=attempts.seconds_left))
            except grpc.RpcError as error:
                pause = attempts.pause_after(error_of(error))
            time.sleep(pause)

    def _responses(self, method: str, request: Any, timeout: float | None) -> Iterator[Any]:
        call = self._methods[method](request, timeout=timeout)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(error) from None
        finally:
            # Whoever stops early does not leave the server sending.
            call.cancel()
