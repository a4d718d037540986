"""Serves /metrics over HTTP, on a thread of its own, so that a busy event loop still answers."""

from __future__ import annotations

from prometheus_client import start_http_server

from iotflow_server.observability.metrics import Metrics


class MetricsExporter:
    """An HTTP server for one server's metrics."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Bind and serve; port 0 takes a free one.

        :raises OSError: the address cannot be bound.
        """
        self._server, self._thread = start_http_server(port, addr=host, registry=metrics.registry)
        #: The port it is bound to.
        self.port = int(self._server.server_port)

    def close(self) -> None:
        """Stop serving. Idempotent."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
