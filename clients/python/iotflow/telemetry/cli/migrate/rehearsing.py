"""A job that would be started, on a terminal or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from iotflow.telemetry._times import moment_of
from iotflow.telemetry.cli.migrate.job_view import findings_table
from iotflow.telemetry.cli.migrate.service import fields_of, json_text
from iotflow.telemetry.v1.job_pb2 import Job, JobPace, JobPlan


def rehearsal_json(job: Job, plan: JobPlan, change: str) -> str:
    """All of it as one line."""
    # What is 0 is told too.
    zeros = dict.fromkeys(("devices", "series", "points", "counted_devices", "total_findings"), "0")
    return json_text({"job": fields_of(job), "plan": {**zeros, **fields_of(plan)}, "change": change})


def rehearsal_screen(job: Job, plan: JobPlan, change: str) -> RenderableType:
    """What would be done, over what, and how fast."""
    lines = [extent_words(plan), change, pace_words(job.pace), *_shortest(job.pace, plan)]
    parts: list[RenderableType] = [Text(job.summary, "bold"), *(Text(f"  {line}") for line in lines)]
    if plan.total_findings:
        parts += [
            Text(f"  {plan.total_findings:,} findings are known already:", "yellow"),
            findings_table(plan.findings),
        ]
    return Group(*parts, "would be started; nothing was done")


def extent_words(plan: JobPlan) -> str:
    """How much it is."""
    sizes = f"{plan.devices:,} devices, {plan.series:,} series and {plan.points:,} points in IoTDB"
    if plan.HasField("start_time"):
        start, end = moment_of(plan.start_time), moment_of(plan.end_time)
        sizes += f", from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"
    if plan.counted_devices < plan.devices:
        sizes += f"; points are those of {plan.counted_devices:,} devices, to count all takes longer"
    return sizes


def pace_words(pace: JobPace) -> str:
    """How hard it may work."""
    rates = {"IoTDB": pace.iotdb_points_per_second, "PostgreSQL": pace.postgres_points_per_second}
    limits = [f"{store} {rate:,} points/s at most" if rate else f"{store} no limit" for store, rate in rates.items()]
    workers = f"{pace.workers} chunks at once" if pace.workers else "as many chunks at once as the server is set to"
    hours = f"{', '.join(pace.hours)} {pace.time_zone}" if pace.hours else "at all hours"
    return "; ".join([*limits, workers, hours])


def _shortest(pace: JobPace, plan: JobPlan) -> Iterator[str]:
    rates = [rate for rate in (pace.iotdb_points_per_second, pace.postgres_points_per_second) if rate]
    if rates and plan.points:
        yield f"takes {timedelta(seconds=plan.points // min(rates))} at least, at this rate"
