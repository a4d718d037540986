"""Follows a job to its end."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.live import Live

from iotflow.telemetry.cli.migrate.job_view import job_screen, jobs_table
from iotflow.telemetry.cli.migrate.service import JOB_FAILED, Migrations, json_line
from iotflow.telemetry.cli.migrate.words import state_word
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import Job


async def follow(service: Migrations, job_id: int, *, as_json: bool) -> None:
    """Show a job until it has ended; ends with exit code 5 where it has not succeeded."""
    last = await (_follow_json if as_json else _follow_live)(service, job_id)
    if state_word(last) != "SUCCEEDED":
        raise typer.Exit(JOB_FAILED)


def print_job(job: Job, *, as_json: bool) -> None:
    """Print a job as it is now."""
    if as_json:
        typer.echo(json_line(job))
    else:
        Console().print(job_screen(job))


async def get_job(service: Migrations, job_id: int) -> Job:
    """A job as it is now."""
    response: pb.GetJobResponse = await service.call("GetJob", pb.GetJobRequest(job_id=job_id))
    return response.job


async def _follow_json(service: Migrations, job_id: int) -> Job:
    last = Job()
    async for last in service.watch(job_id):
        typer.echo(json_line(last))
        sys.stdout.flush()
    return last


async def _follow_live(service: Migrations, job_id: int) -> Job:
    last = Job()
    with Live(auto_refresh=False, transient=True) as live:
        async for last in service.watch(job_id):
            live.update(jobs_table([last]), refresh=True)
    Console().print(job_screen(last))
    return last
