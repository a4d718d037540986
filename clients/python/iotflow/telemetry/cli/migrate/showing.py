"""``iotflow migrate status`` and ``history``: they change nothing."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from iotflow.telemetry._errors import DeadlineExceededError, UnavailableError
from iotflow.telemetry.cli.migrate.screen import history_table, status_screen
from iotflow.telemetry.cli.migrate.service import Migrations, fields_of, json_line, json_text, run_here
from iotflow.telemetry.cli.migrate.words import phase_word
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout
from iotflow.telemetry.v1 import migration_service_pb2 as pb

#: Before a watch that has ended begins again.
_AGAIN_SECONDS = 1.0


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again, until Ctrl-C.")] = False,
    every: Annotated[
        float, typer.Option(min=1, max=60, help="Seconds at most between two looks of --watch; changes come at once.")
    ] = 2.0,
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
        migration = await service.migration()
    if as_json:
        typer.echo(_line(migration))
    else:
        Console().print(status_screen(migration))


async def _watch(service: Migrations, every: float, *, as_json: bool) -> None:
    async with service:
        await (_watch_json if as_json else _watch_live)(service, every)


async def _watch_json(service: Migrations, every: float) -> None:
    while True:
        async for migration in service.watch_migration(every):
            typer.echo(_line(migration))
            sys.stdout.flush()
        await asyncio.sleep(_AGAIN_SECONDS)


async def _watch_live(service: Migrations, every: float) -> None:
    with Live(auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            try:
                async for migration in service.watch_migration(every):
                    live.update(status_screen(migration), refresh=True)
            except (UnavailableError, DeadlineExceededError) as error:
                # A restart must not end the operator's watch.
                live.update(f"the service does not answer: {error.message}", refresh=True)
            await asyncio.sleep(_AGAIN_SECONDS)


async def _history(service: Migrations, *, as_json: bool) -> None:
    async with service:
        migration = await service.migration()
    if as_json:
        for change in migration.history:
            typer.echo(json_line(change))
    else:
        Console().print(history_table(migration.history))


def _line(migration: pb.Migration) -> str:
    return json_text({"phase_word": phase_word(migration.phase), "jobs": [], **fields_of(migration)})
