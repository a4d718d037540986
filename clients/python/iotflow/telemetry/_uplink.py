"""The connection of a GatewayWriter: made, lost, and made again at the same or another address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc

from iotflow.telemetry._backoff import Route, is_incurable, is_too_large
from iotflow.telemetry._channel import DEFAULT_MAX_MESSAGE_BYTES, channel_options, methods_of
from iotflow.telemetry._entries import Entry
from iotflow.telemetry._errors import SpoolError, TelemetryError, UnavailableError
from iotflow.telemetry._keeper import Keeper
from iotflow.telemetry._requests import Packer
from iotflow.telemetry._session import Session, Settled, Take

_CONNECT_SECONDS: Final = 10.0
_LOG = logging.getLogger("iotflow.telemetry")

Connect = Callable[[str], grpc.aio.Channel]


class Uplink:
    """Keeps one stream to one of several addresses, for as long as :meth:`run` runs."""

    def __init__(
        self, route: Route, connect: Connect, keeper: Keeper, packer: Packer, window_bytes: int, on_settled: Settled
    ) -> None:
        self._route = route
        self._connect = connect
        self._keeper = keeper
        self._backlog = keeper.backlog
        self._packer = packer
        self._window_bytes = window_bytes
        self._on_settled = on_settled
        self._connections = 0
        self.is_connected = False
        #: Why the last stream broke, until another one has brought something across.
        self.error: TelemetryError | SpoolError | None = None
        #: Called with an error that no retry cures.
        self.on_refused: Callable[[TelemetryError], None] | None = None

    @property
    def address(self) -> str:
        """The service it is connected to, or tries to reach."""
        return self._route.address

    @property
    def reconnects(self) -> int:
        """Connections made after the first."""
        return max(0, self._connections - 1)

    @property
    def is_refused(self) -> bool:
        """Whether the last stream ended with what no retry cures."""
        return isinstance(self.error, TelemetryError) and is_incurable(self.error)

    async def run(self, take: Take) -> None:
        """Send what is handed out, over stream after stream. Never returns."""
        while True:
            writer = await self._keeper.begin_stream()
            session = Session(writer, self._backlog, self._packer, self._window_bytes, self._settled)
            try:
                await self._stream(session, take)
            except (TelemetryError, SpoolError) as error:
                self._lost(session)
                pause = self._pause_after(error, session)
            await asyncio.sleep(pause)

    async def _stream(self, session: Session, take: Take) -> None:
        async with self._channel() as channel:
            await _attempted(channel)

            async def take_once_connected() -> list[Entry]:
                # What was handed out counts as in flight, and is not given up where the spool is full.
                if not self.is_connected:
                    await _connection_made(channel)
                    self._connected()
                return await take()

            try:
                # Where there is no connection the stream tells why.
                await session.run(methods_of(channel)["WriteTelemetryStream"], take_once_connected)
            finally:
                self.is_connected = False

    @asynccontextmanager
    async def _channel(self) -> AsyncIterator[grpc.aio.Channel]:
        channel = self._connect(self._route.address)
        try:
            yield channel
        finally:
            await channel.close()

    def _connected(self) -> None:
        self.is_connected = True
        self._connections += 1
        self._backlog.save_loose(is_wanted=False)
        _LOG.info("connected to %s", self._route.address)

    def _lost(self, session: Session) -> None:
        self._backlog.rewind()
        self._backlog.save_loose(is_wanted=True)
        if session.has_progressed:
            self._route.succeeded()

    def _pause_after(self, error: TelemetryError | SpoolError, session: Session) -> float:
        address = self._route.address
        if isinstance(error, SpoolError):
            _LOG.error("%s", error)
            self.error = error
            return 1.0
        if is_too_large(error):
            self._packer.shrink(session.sent)
            _LOG.info("%s: %s; smaller ones follow", address, error)
            return 0.0
        pause = self._route.pause_after(error)
        self._tell(error, address)
        return pause

    def _tell(self, error: TelemetryError, address: str) -> None:
        # Once for each outage, not for each attempt.
        is_news = self.error is None or getattr(self.error, "code", None) is not error.code
        self.error = error
        if not is_incurable(error):
            _LOG.log(logging.WARNING if is_news else logging.DEBUG, "%s: %s", address, error)
            return
        _LOG.log(logging.ERROR if is_news else logging.DEBUG, "%s refuses what is sent: %s", address, error)
        if self.on_refused is not None:
            self.on_refused(error)

    def _settled(self, *outcome: Any) -> None:
        self.error = None
        self._on_settled(*outcome)


def connector(credentials: grpc.ChannelCredentials | None) -> Connect:
    """What makes a channel of its own to an address."""
    options = [*channel_options(DEFAULT_MAX_MESSAGE_BYTES), ("grpc.use_local_subchannel_pool", 1)]

    def connect(address: str) -> grpc.aio.Channel:
        if credentials is None:
            return grpc.aio.insecure_channel(address, options)
        return grpc.aio.secure_channel(address, credentials, options)

    return connect


async def _attempted(channel: grpc.aio.Channel) -> None:
    """Return once there is a connection, or an attempt at one has failed."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            state = channel.get_state(try_to_connect=True)
            while state not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        raise UnavailableError(grpc.StatusCode.UNAVAILABLE, f"no connection within {_CONNECT_SECONDS} s") from None


async def _connection_made(channel: grpc.aio.Channel) -> None:
    """Return once there is a connection."""
    while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
        await channel.wait_for_state_change(state)
