"""Jobs on a terminal: how far they are, by a bar and in words, and what troubles them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from iotflow.telemetry.cli.migrate.job_view import jobs_table
from iotflow.telemetry.cli.migrate.screen import status_screen
from iotflow.telemetry.v1.job_pb2 import Job, JobProgress
from iotflow.telemetry.v1.migration_service_pb2 import Migration

BAR_CELLS = 20


def shown(view: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=200, color_system="truecolor", force_terminal=True, legacy_windows=False).print(view)
    return out.getvalue()


def job(state: str = "RUNNING", **progress: Any) -> Job:
    return Job(id=7, kind="JOB_KIND_BACKFILL", state=f"JOB_STATE_{state}", progress=JobProgress(**progress))


def filled_cells(view: RenderableType) -> int:
    """Cells of the bar up to where its colour changes to that of what is left."""
    text = shown(view)
    return text[: text.find("\x1b[38;5;237m━") if "\x1b[38;5;237m━" in text else len(text)].count("━")


@pytest.mark.parametrize(
    ("one", "cells"),
    [
        (job(points_done=0, points_total=1_000), 0),
        (job(points_done=250, points_total=1_000), 5),
        (job(points_done=1_000, points_total=1_000), BAR_CELLS),
        (job("PENDING"), 0),
        (job("SUCCEEDED"), BAR_CELLS),
    ],
)
def test_a_bar_is_as_full_as_the_job_is_done(one: Job, cells: int) -> None:
    assert filled_cells(jobs_table([one])) == cells


def test_the_screen_of_the_fleet_has_a_bar_with_rate_and_time_left() -> None:
    running = job(points_done=1_500, points_total=3_000, points_per_second=500.0, seconds_left=3.0)
    text = shown(status_screen(Migration(phase="PHASE_DUAL_WRITE", jobs=[running])))
    assert "1,500 of 3,000 points" in text
    assert "500/s" in text
    assert "0:00:03" in text
    assert text.count("━") >= BAR_CELLS


def test_what_troubles_a_job_stands_below_it() -> None:
    text = shown(jobs_table([job("FAILED", chunks_failed=2, chunks_total=9, open_findings=3, waiting_for="the night")]))
    assert "2 of 9 chunks failed; iotflow migrate resume 7" in text
    assert "3 findings hold the phase up; iotflow migrate findings 7" in text
    assert "waits for the night" in text
