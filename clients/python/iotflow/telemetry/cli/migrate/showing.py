"""``iotflow migrate status`` and ``history``: they change nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.live import Live

from iotflow.telemetry._errors import TelemetryError
from iotflow.telemetry.cli.migrate.screen import history_table, status_screen
from iotflow.telemetry.cli.migrate.service import Migrations, json_line, run_here
from iotflow.telemetry.cli.migrate.words import phase_word
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout
from iotflow.telemetry.v1 import migration_service_pb2 as pb

_OPEN = ("JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_PAUSED", "JOB_STATE_FAILED")
_SHOWN_JOBS = 10
Snapshot = tuple[pb.Migration, list[Any]]


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks of --watch.")] = 2.0,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Where the fleet stands, what the next step waits for, and what to do."""
    service = Migrations(address, timeout)
    run_here(_watch(service, every, as_json=json) if watch else _show(service, as_json=json))


def history(json: Json = False, timeout: Timeout = None, address: Address = DEFAULT_ADDRESS) -> None:
    """Who moved the fleet, when and why; the newest first."""
    run_here(_history(Migrations(address, timeout), as_json=json))


async def _show(service: Migrations, *, as_json: bool) -> None:
    async with service:
        migration, jobs = await _snapshot(service)
    if as_json:
        typer.echo(_line(migration, jobs))
    else:
        Console().print(status_screen(migration, jobs))


async def _watch(service: Migrations, every: float, *, as_json: bool) -> None:
    async with service:
        if as_json:
            while True:
                typer.echo(_line(*await _snapshot(service)))
                sys.stdout.flush()
                await asyncio.sleep(every)
        with Live(auto_refresh=False, vertical_overflow="visible") as live:
            while True:
                try:
                    live.update(status_screen(*await _snapshot(service)), refresh=True)
                except TelemetryError as error:
                    # A restart must not end the operator's watch.
                    live.update(f"the service does not answer: {error.message}", refresh=True)
                await asyncio.sleep(every)


async def _history(service: Migrations, *, as_json: bool) -> None:
    async with service:
        migration = await service.migration()
    if as_json:
        for change in migration.history:
            typer.echo(json_line(change))
    else:
        Console().print(history_table(migration.history))


async def _snapshot(service: Migrations) -> Snapshot:
    migration = await service.migration()
    try:
        jobs = await service.jobs(pb.ListJobsRequest(states=_OPEN, page_size=_SHOWN_JOBS))
    except TelemetryError:
        # Jobs are kept in PostgreSQL; without it the phase is still known.
        jobs = []
    return migration, jobs


def _line(migration: pb.Migration, jobs: list[Any]) -> str:
    shown = MessageToDict(migration, preserving_proto_field_name=True)
    listed = [MessageToDict(job, preserving_proto_field_name=True) for job in jobs]
    return json.dumps({"phase_word": phase_word(migration.phase), **shown, "jobs": listed}, ensure_ascii=False)
