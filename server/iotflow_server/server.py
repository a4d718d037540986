"""The gRPC server: built, started and drained here."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from iotflow.telemetry.v1.access_service_pb2_grpc import add_AccessServiceServicer_to_server
from iotflow.telemetry.v1.migration_service_pb2_grpc import add_MigrationServiceServicer_to_server
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import add_TelemetryServiceServicer_to_server
from iotflow_server.api.access_service import AccessService
from iotflow_server.api.decoded import DecodingRules
from iotflow_server.api.edge import Edge
from iotflow_server.api.health import OTHERS, TELEMETRY, Health, Ping
from iotflow_server.api.migration_service import MigrationService
from iotflow_server.api.plain_columns import PlainRules
from iotflow_server.api.ports import (
    Comparisons,
    IngestPort,
    JobsPort,
    MigrationPort,
    QueryPort,
    RegistryPort,
    ResultsPort,
)
from iotflow_server.api.reflection import reflection_pool
from iotflow_server.api.stream_requests import StreamRequests
from iotflow_server.api.telemetry_service import TelemetryService
from iotflow_server.api.writes import Writes
from iotflow_server.config import Settings
from iotflow_server.listeners import Listeners
from iotflow_server.observability.calls import CallObserver
from iotflow_server.observability.exporter import MetricsExporter, exporter_on
from iotflow_server.observability.metrics import Metrics

_log = structlog.get_logger(__name__)

_LINGER_SECONDS: Final = 0.25
_WRITE_STREAM: Final = "/iotflow.telemetry.v1.TelemetryService/WriteTelemetryStream"


class TelemetryServer:
    """Serves gRPC on ``settings.listen`` and metrics on ``settings.metrics_listen``.

    The parts must be ready before :meth:`start`, and stay so until :meth:`stop` has returned. ``ping_primary``
    returns if the store that reads come from answers now. ``shares_port``: other processes of this deployment listen
    on the same address, and calls are spread over them by connection.
    """

    def __init__(
        self,
        settings: Settings,
        ingest: IngestPort,
        queries: QueryPort,
        registry: RegistryPort,
        migration: MigrationPort,
        jobs: JobsPort,
        comparisons: Comparisons,
        metrics: Metrics,
        *,
        ping_primary: Ping,
        results: ResultsPort | None = None,
        shares_port: bool = False,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._shares_port = shares_port
        rules = DecodingRules(1, settings.max_text_bytes, settings.max_future_seconds)
        self._writes = Writes(ingest, registry, metrics, rules)
        self._telemetry = TelemetryService(settings, ingest, queries, registry, self._writes, results)
        self._migration = MigrationService(migration, jobs, comparisons)
        self._access = AccessService(registry, settings.max_page_size)
        #: The statuses that the health service shows.
        self.health = Health(ping_primary)
        self._exporter: MetricsExporter | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._listeners: Listeners | None = None
        parsers = {_WRITE_STREAM: StreamRequests(PlainRules(settings.max_text_bytes)).parse}
        patience = {_WRITE_STREAM: settings.unread_acknowledgement_seconds}
        self._edge = Edge(CallObserver(metrics), settings.max_message_bytes, parsers, patience)
        # What is added to is all of a server that the generated code knows.
        services = cast(grpc.aio.Server, self._edge)
        add_TelemetryServiceServicer_to_server(self._telemetry, services)
        add_MigrationServiceServicer_to_server(self._migration, services)
        add_AccessServiceServicer_to_server(self._access, services)
        #: The port of the gRPC service, once started.
        self.port = 0

    @property
    def metrics_port(self) -> int | None:
        """The port of /metrics, None where it is off."""
        return None if self._exporter is None else self._exporter.port

    async def start(self) -> None:
        """Listen and serve.

        :raises AddressError: an address cannot be listened on.
        """
        self._exporter = exporter_on(self._settings.metrics_listen, self._metrics.registry)
        try:
            listeners = self._listeners = Listeners(self._built, shares_port=self._shares_port)
            self.port = listeners.bind(self._settings.listen)
            await self.health.start()
            await listeners.start()
        except BaseException:
            if self._listeners is not None:
                await self._listeners.stop(0)
                self._listeners = None
            await self._close_exporter()
            raise
        self._watcher = asyncio.create_task(self.health.watch(), name="health")
        _log.info("serving", action="serving", listen=self._settings.listen, port=self.port)

    async def stop(self, grace: float | None = None) -> None:
        """Drain: say NOT_SERVING, take nothing new, finish what was taken; then stop. Idempotent.

        Calls still under way after ``grace`` seconds (``settings.drain_seconds`` if None) are cancelled; writes
        that have begun are finished all the same.
        """
        listeners, self._listeners = self._listeners, None
        if listeners is None:
            return
        _log.info("draining", action="draining")
        await self._stop_watching()
        await self.health.stop()
        self._telemetry.drain()
        self._migration.drain()
        await self._finish_calls(listeners, self._settings.drain_seconds if grace is None else grace)
        await self._close_exporter()
        _log.info("stopped", action="stopped")

    async def _finish_calls(self, listeners: Listeners, grace: float) -> None:
        stopping = asyncio.create_task(listeners.stop(grace))
        idle = asyncio.create_task(self._edge.idle())
        await asyncio.wait({stopping, idle}, return_when=asyncio.FIRST_COMPLETED)
        # Watches of health and open reflection calls never end by themselves: they are not waited for, but for
        # the moment that the last answers need to leave the machine.
        await listeners.stop(min(grace, _LINGER_SECONDS))
        await asyncio.gather(stopping, idle)

    async def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)

    async def _close_exporter(self) -> None:
        if self._exporter is not None:
            # It waits for its thread.
            await asyncio.to_thread(self._exporter.close)
            self._exporter = None

    def _built(self, may_share: bool) -> grpc.aio.Server:
        server = grpc.aio.server(options=_options(self._settings, may_share))
        server.add_generic_rpc_handlers((self._edge,))
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, server)
        names = (TELEMETRY, *OTHERS, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server, reflection_pool())
        return server


def _options(settings: Settings, may_share: bool) -> list[tuple[str, int]]:
    return [
        # The edge answers a message over the limit by itself, with a status that names it; gRPC only stops what
        # is far beyond.
        ("grpc.max_receive_message_length", 2 * settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", int(may_share)),
        ("grpc.max_concurrent_streams", 10_000),
        # Connections whose other end is gone without a word are closed after both of these; by its own default gRPC
        # would wait a minute more for the answer to any ping that it has sent before.
        ("grpc.keepalive_time_ms", int(settings.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", int(settings.keepalive_timeout_seconds * 1000)),
        ("grpc.http2.ping_timeout_ms", int((settings.keepalive_seconds + settings.keepalive_timeout_seconds) * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
