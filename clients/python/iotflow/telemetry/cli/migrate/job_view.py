"""Jobs on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from iotflow.telemetry.cli.migrate.listing import listing
from iotflow.telemetry.cli.migrate.words import kind_word, state_word
from iotflow.telemetry.v1.job_pb2 import Job, JobFinding, JobProgress

_STYLES = {"SUCCEEDED": "green", "FAILED": "bold red", "CANCELLED": "red", "PAUSED": "yellow", "RUNNING": "bold"}


def jobs_table(jobs: Iterable[Job]) -> RenderableType:
    """Jobs, each with a bar of its progress and, where there are some, with its troubles."""
    table = Table("job", "kind", "state", "progress", "", "rate", "left", box=None, padding=(0, 2, 0, 0))
    for job in jobs:
        progress, state = job.progress, state_word(job)
        bar = ProgressBar(max(progress.points_total, 1), _filled(job), width=20)
        done = f"{progress.points_done:,} of {progress.points_total:,} points" if progress.points_total else "unplanned"
        rate = f"{progress.points_per_second:,.0f}/s" if progress.points_per_second else ""
        table.add_row(
            str(job.id), kind_word(job), Text(state, _STYLES.get(state, "")), bar, done, rate, _left(progress)
        )
        for trouble in _troubles(job):
            table.add_row("", "", "", "", Text(trouble, "yellow"))
    return table


def job_screen(job: Job) -> RenderableType:
    """All of one job."""
    parts: list[RenderableType] = [Text(job.summary, "bold"), jobs_table([job])]
    for failure in job.progress.failures:
        parts.append(Text(f"{failure.count:,} x {failure.code}", "yellow"))
        parts += [Text(f"    {sample}") for sample in failure.samples]
    if job.report:
        parts.append(Text(f"report: {json.dumps(json.loads(job.report), indent=2, ensure_ascii=False)}"))
    return Group(*parts)


def findings_table(findings: Iterable[JobFinding]) -> RenderableType:
    """What a job found by name."""
    table = listing("code", "about", "points", "what", "holds up")
    for finding in findings:
        waived = f"waived by {finding.waived_by}: {finding.waived_reason}" if finding.waived_by else "yes"
        holds = Text("no" if finding.informational else waived)
        table.add_row(finding.code, Text(finding.subject), f"{finding.points:,}", Text(finding.detail), holds)
    return table


def _troubles(job: Job) -> Iterator[str]:
    progress = job.progress
    if progress.waiting_for:
        yield f"waits for {progress.waiting_for}"
    if progress.chunks_failed:
        yield f"{progress.chunks_failed:,} of {progress.chunks_total:,} chunks failed; iotflow migrate resume {job.id}"
    if progress.open_findings:
        yield f"{progress.open_findings:,} findings hold the phase up; iotflow migrate findings {job.id}"
    if job.error:
        yield job.error


def _filled(job: Job) -> float:
    # A job over nothing has no points to count.
    return job.progress.points_done or (1 if state_word(job) == "SUCCEEDED" else 0)


def _left(progress: JobProgress) -> str:
    return str(timedelta(seconds=int(progress.seconds_left))) if progress.HasField("seconds_left") else ""
