"""Keeps the health service honest: NOT_SERVING while the store that is read and written first is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from grpc_health.v1 import health, health_pb2

_log = structlog.get_logger(__name__)

TELEMETRY: Final = "iotflow.telemetry.v1.TelemetryService"
#: Services that answer without the primary, if only to say that it is away.
OTHERS: Final = ("iotflow.telemetry.v1.MigrationService", "iotflow.telemetry.v1.AccessService")

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING

Ping = Callable[[], Awaitable[None]]


class Health:
    """The status of each service, and of the server as a whole under the empty name."""

    def __init__(self, ping_primary: Ping, interval_seconds: float = 1.0, patience_seconds: float = 5.0) -> None:
        self.servicer = health.aio.HealthServicer()
        self._ping = ping_primary
        self._interval = interval_seconds
        self._patience = patience_seconds
        self._was_well: bool | None = None

    async def start(self) -> None:
        """Set every status for the first time."""
        for name in OTHERS:
            await self.servicer.set(name, _SERVING)
        await self.look()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            await self.look()

    async def look(self) -> None:
        """Ask the primary, and set the statuses that depend on it."""
        is_well = await self._primary_is_well()
        if is_well is self._was_well:
            return
        self._was_well = is_well
        for name in (TELEMETRY, ""):
            await self.servicer.set(name, _SERVING if is_well else _NOT_SERVING)

    async def stop(self) -> None:
        """Say NOT_SERVING from now on."""
        await self.servicer.enter_graceful_shutdown()

    async def _primary_is_well(self) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._ping()
        except Exception as error:
            if self._was_well is not False:
                _log.warning("the primary store is away", action="primary_away", error=str(error))
            return False
        if self._was_well is False:
            _log.info("the primary store is back", action="primary_back")
        return True
