"""What is shown to operators is whole on the terminals they have: 80 columns, or what a pipe is taken for."""

from __future__ import annotations

import math

import pytest
from rich.console import Console, RenderableType

from iotflow.telemetry.cli.migrate.instances_view import instances_table
from iotflow.telemetry.cli.migrate.job_view import findings_table
from iotflow.telemetry.cli.migrate.screen import history_table
from iotflow.telemetry.cli.migrate.stores_view import stores_view
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import JobFinding
from iotflow.telemetry.v1.value_pb2 import STORE_IOTDB, STORE_POSTGRES

STORES = (
    pb.StoreStatus(store=STORE_IOTDB, reachable=True, written=True, read=True, reads_per_second=3.2),
    pb.StoreStatus(
        store=STORE_POSTGRES,
        written=True,
        points_per_second=15_234,
        write_p95_seconds=0.0312,
        dirty_ranges=51,
        lag_points=67_800,
        lag_seconds=math.inf,
        repaired_points=12_345_678,
    ),
)
INSTANCE = pb.Instance(name="telemetry-host-1 127.0.0.1:50051", instance_id="b2f6a1de-5a6e-4c1a-8f53-1b2f6a1de5a6")
CHANGE = pb.PhaseChange(epoch=12, phase=pb.PHASE_DECOMMISSIONED, changed_by="iotflow-server", reason="given up")
FINDING = JobFinding(code="TYPE_CONFLICT", subject="root.iotflow.device_1.temperature", detail="holds TEXT", points=7)


def shown(view: RenderableType, width: int) -> str:
    console = Console(width=width)
    with console.capture() as drawn:
        console.print(view)
    return drawn.get()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_stores_are_told_whole(width: int) -> None:
    text = shown(stores_view(STORES), width)
    for words in (
        "postgres",
        "written and read",
        "answers",
        "AWAY",
        "points/s",
        "15,234",
        "31.2 ms",
        "12,345,678 points",
    ):
        assert words in text


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize(
    "view", [stores_view(STORES), instances_table([INSTANCE]), history_table([CHANGE]), findings_table([FINDING])]
)
def test_nothing_is_cut_off(view: RenderableType, width: int) -> None:
    assert "…" not in shown(view, width)


def test_a_phase_of_the_history_is_one_word() -> None:
    assert "DECOMMISSIONED" in shown(history_table([CHANGE]), 80)
