"""Serves /metrics over HTTP, on a thread of its own, so that a busy event loop still answers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, start_http_server

from iotflow_server.address import AddressError, host_and_port


class MetricsExporter:
    """An HTTP server for one registry of metrics."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        """Bind and serve; port 0 takes a free one.

        :raises OSError: the address cannot be bound.
        """
        self._server, self._thread = start_http_server(port, addr=host, registry=registry)
        #: The port it is bound to.
        self.port = int(self._server.server_port)

    def close(self) -> None:
        """Stop serving. Idempotent."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def exporter_on(listen: str, registry: CollectorRegistry) -> MetricsExporter | None:
    """Serve metrics on an address; None where it is empty.

    :raises AddressError: it cannot be listened on.
    """
    if not listen:
        return None
    try:
        return MetricsExporter(registry, *host_and_port(listen))
    except (OSError, ValueError) as error:
        message = f"cannot serve metrics on {listen}: {error}. Set IOTFLOW_METRICS_LISTEN, or leave it empty"
        raise AddressError(message) from error
