from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from iotflow_server.observability.shared_metrics import SharedMetrics

_WORKER = """
import sys
from pathlib import Path
from iotflow_server.observability.shared_metrics import metrics_of_worker
metrics = metrics_of_worker(Path(sys.argv[1]), int(sys.argv[2]))
metrics.points_written(5)
metrics.watch_inflight_bytes(lambda: 7)
metrics.publish_gauges()
"""


def work(folder: Path, number: int) -> None:
    subprocess.run([sys.executable, "-c", _WORKER, str(folder), str(number)], check=True)


def shown(metrics: SharedMetrics) -> tuple[float | None, float | None, float | None]:
    names = ("iotflow_points_accepted_total", "iotflow_inflight_bytes", "iotflow_workers")
    values = [metrics.registry.get_sample_value(name) for name in names]
    return values[0], values[1], values[2]


def test_counts_and_gauges_are_summed_and_only_counts_outlive_a_worker(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    metrics = SharedMetrics(folder, lambda: 2)
    work(folder, 1)
    work(folder, 2)
    assert shown(metrics) == (10, 14, 2)
    metrics.forget(1)
    assert shown(metrics) == (10, 7, 2)
    work(folder, 1)
    assert shown(metrics) == (15, 14, 2)


def test_what_a_run_before_has_left_is_not_shown(tmp_path: Path) -> None:
    SharedMetrics(tmp_path / "metrics", lambda: 0)
    work(tmp_path / "metrics", 1)
    assert shown(SharedMetrics(tmp_path / "metrics", lambda: 0)) == (None, None, 0)
