from __future__ import annotations

import logging
import urllib.request

import pytest
import structlog

from iotflow_server.migration.dirt import Dirt
from iotflow_server.observability.calls import CallObserver
from iotflow_server.observability.exporter import MetricsExporter
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import WithdrawnError

DIRT = ("iotflow_dirty_ranges", "iotflow_dirty_seconds", "iotflow_dirty_points")


def test_operations_of_stores_are_timed_and_their_errors_counted() -> None:
    metrics = Metrics()
    with metrics.time_store(StoreName.IOTDB, "write"):
        pass
    with pytest.raises(ValueError, match="no"), metrics.time_store(StoreName.IOTDB, "write"):
        raise ValueError("no")
    with pytest.raises(WithdrawnError), metrics.time_store(StoreName.POSTGRES, "write"):
        raise WithdrawnError
    assert metrics.registry.get_sample_value("iotflow_store_errors_total", {"store": "postgres"}) is None
    labels = {"store": "iotdb", "operation": "write"}
    assert metrics.registry.get_sample_value("iotflow_store_seconds_count", labels) == 2
    assert metrics.registry.get_sample_value("iotflow_store_errors_total", labels) == 1


def test_what_a_store_has_waited_for_is_none_of_its_time() -> None:
    metrics = Metrics()
    with metrics.time_store(StoreName.POSTGRES, "write") as timing:
        timing.idle = 1000.0
    assert metrics.meters[StoreName.POSTGRES].writes.p95 < 0


def test_one_phase_is_the_current_one() -> None:
    metrics = Metrics()
    phases = [Phase.PREPARATION]
    metrics.watch_phase(lambda: phases[-1])
    phases.append(Phase.DUAL_WRITE)
    shown = {phase: metrics.registry.get_sample_value("iotflow_phase", {"phase": phase}) for phase in Phase}
    assert shown == {phase: float(phase is Phase.DUAL_WRITE) for phase in Phase}


def test_gauges_ask_when_they_are_read() -> None:
    metrics = Metrics()
    metrics.watch_inflight_bytes(lambda: 7)
    metrics.watch_dirt(StoreName.POSTGRES, lambda: Dirt(3, 4.5, 60))
    assert metrics.registry.get_sample_value("iotflow_inflight_bytes") == 7
    shown = [metrics.registry.get_sample_value(name, {"store": "postgres"}) for name in DIRT]
    assert shown == [3, 4.5, 60]


def test_the_exporter_serves_its_own_metrics_and_frees_its_port() -> None:
    metrics = Metrics()
    metrics.points_written(5)
    exporter = MetricsExporter(metrics.registry, "127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics") as answer:
        assert b"iotflow_points_accepted_total 5.0" in answer.read()
    exporter.close()
    MetricsExporter(metrics.registry, "127.0.0.1", exporter.port).close()


@pytest.mark.parametrize(
    ("code", "level"),
    [("OK", "debug"), ("INVALID_ARGUMENT", "info"), ("UNAVAILABLE", "warning"), ("INTERNAL", "error")],
)
def test_a_call_is_counted_and_logged_as_loud_as_it_deserves(
    code: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    metrics = Metrics()
    with structlog.testing.capture_logs() as lines:
        CallObserver(metrics).begin("/s/M", lambda: "ipv4:127.0.0.1:1").end(code, "why")
    (line,) = lines
    assert (line["log_level"], line["action"], line["code"], line["message"]) == (level, "call_ended", code, "why")
    assert metrics.registry.get_sample_value("iotflow_rpcs_total", {"method": "/s/M", "code": code}) == 1
