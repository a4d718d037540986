"""The asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any, Self

import grpc

from iotflow.telemetry import _calls
from iotflow.telemetry._attempts import Attempts
from iotflow.telemetry._calls import Answer, Call
from iotflow.telemetry._channel import DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_TIMEOUT, channel_options, methods_of
from iotflow.telemetry._client_jobs import TelemetryJobs
from iotflow.telemetry._client_migration import TelemetryMigration
from iotflow.telemetry._devices import Device, DevicePage
from iotflow.telemetry._enums import Store
from iotflow.telemetry._errors import ClientClosedError
from iotflow.telemetry._ledger import DEFAULT_WINDOW_BYTES
from iotflow.telemetry._reads import TelemetryReads
from iotflow.telemetry._records import Record, WriteResult
from iotflow.telemetry._status import error_of
from iotflow.telemetry._stream import WriteStream
from iotflow.telemetry._times import Moment
from iotflow.telemetry._writer_identity import WriterIdentity


class TelemetryClient(TelemetryReads, TelemetryJobs, TelemetryMigration):
    """Speaks to one service from one asyncio event loop; any number of tasks may share it.

    ``address`` is host:port. Without ``credentials`` the connection is not encrypted. It is made with the first call,
    kept alive, and made again when it was lost.

    Every method has ``timeout`` in seconds. Reads are repeated up to three times while the service is unavailable; so
    is a write all of whose records carry timestamps, since storing the same point again changes nothing (unless
    somebody else wrote that very point in between). Other writes are sent once: after an UnavailableError it is not
    known whether they were stored.

    Where points are chosen, give ``device_ids`` or ``user_id`` (all devices of that user); ``measurements`` by name,
    none for all; a range [start, end), None for no bound; ``quality_flags`` of their records, none for any. Moments are
    aware datetimes, numpy.datetime64 (UTC) or ints of microseconds since 1970.

    Errors are TelemetryError: InvalidArgumentError names the field at fault, UnavailableError says that the service
    or its store is away, DeadlineExceededError that ``timeout`` has passed, OverloadedError when to come again,
    ClientClosedError that :meth:`close` was called before.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> None:
        self._address = address
        self._credentials = credentials
        self._options = channel_options(max_message_bytes)
        self._channel: grpc.aio.Channel | None = None
        self._known: dict[str, Any] = {}
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._is_closed = True
        if self._channel is not None:
            await self._channel.close()

    async def write(
        self,
        records: Iterable[Record],
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> WriteResult:
        """Store records, at most 10,000 by the server's default; return once every accepted point is durable.

        Points that cannot be stored are named in ``rejections`` while the others are stored. Sent again while the
        service is unavailable if every record has a timestamp; see the class.

        :raises InvalidArgumentError: a record cannot be sent, or there is none, or too many.
        """
        return await self._answer(_calls.write(records), timeout)

    def write_stream(
        self, *, window_bytes: int = DEFAULT_WINDOW_BYTES, writer_id: str = "", attempt: int = 1
    ) -> WriteStream:
        """A stream to write columns by, to be used with ``async with``.

        At most ``window_bytes`` are sent and not yet acknowledged; then sending waits.

        Who sends again over a new stream what an older one has not acknowledged may reach another process of the
        service than before, while the first one still writes. With a ``writer_id``, which stays the same, of at most
        100 characters, and an ``attempt`` greater with each stream, what is late undoes nothing that is newer.

        :raises InvalidArgumentError: one of these is wrong.
        """
        return WriteStream(self._methods["WriteTelemetryStream"], window_bytes, WriterIdentity(writer_id, attempt))

    async def delete(
        self,
        device_id: int,
        *,
        start: Moment,
        end: Moment,
        measurements: Iterable[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
    ) -> tuple[Store, ...]:
        """Delete a device's points in [start, end), and without ``measurements`` their metadata too. Never repeated.

        Returns the stores they were deleted from.
        """
        return await self._answer(_calls.delete(device_id, measurements, start, end), timeout)

    async def register_device(
        self,
        device_id: int,
        user_id: int = 0,
        *,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Device:
        """Register a device, or give it to another user.

        :raises FailedPreconditionError: it has another owner and points, in a phase that writes IoTDB.
        """
        return await self._answer(_calls.register_device(device_id, user_id), timeout)

    async def list_devices(
        self,
        *,
        user_id: int = 0,
        page_size: int = 0,
        page_token: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> DevicePage:
        """One page of registered devices by id; ``user_id`` 0 for all."""
        return await self._answer(_calls.list_devices(user_id, page_size, page_token), timeout)

    @property
    def _methods(self) -> dict[str, Any]:
        if self._is_closed:
            raise ClientClosedError
        # A channel belongs to the loop it is made in, so it is made with the first call.
        if self._channel is None:
            self._channel = self._connected()
            self._known = methods_of(self._channel)
        return self._known

    def _connected(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._address, self._options)
        return grpc.aio.secure_channel(self._address, self._credentials, self._options)

    async def _answer(self, call: Call[Answer], timeout: float) -> Answer:
        attempts = Attempts(timeout, is_repeated=call.is_repeated)
        while True:
            try:
                return call.decode(await self._methods[call.method](call.request, timeout=attempts.seconds_left))
            except grpc.RpcError as error:
                pause = attempts.pause_after(error_of(error))
            await asyncio.sleep(pause)

    async def _responses(self, method: str, request: Any, timeout: float | None) -> AsyncIterator[Any]:
        try:
            async for response in self._methods[method](request, timeout=timeout):
                yield response
        except grpc.RpcError as error:
            raise error_of(error) from None
