"""``iotflow migrate checklist``: what may be removed from the old deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import typer

from iotflow.telemetry.cli.migrate.service import REFUSED, Migrations, json_text, run_here
from iotflow.telemetry.cli.migrate.words import PHASES, phase_word
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout

_STEPS: Final = (
    ("settings", "unset all whose names begin with IOTDB_; the server refuses to start while IOTDB_HOST is set"),
    ("this service", "start each server anew; with these settings none starts again, nor a worker that is replaced"),
    ("package", "install the server without the extra 'iotdb' (pip uninstall apache-iotdb)"),
    ("archive", "copy its folder, manifest.json included, to where backups are; it is all that is left of IoTDB"),
    ("IoTDB", "stop ConfigNode and DataNode; keep their disks until the archive has been verified at its new place"),
    ("IoTDB", "then remove their data folders, services, containers, volumes, firewall rules, backups and alarms"),
    ("secrets", "withdraw IoTDB's users and passwords"),
)


def checklist(json: Json = False, timeout: Timeout = None, address: Address = DEFAULT_ADDRESS) -> None:
    """What may be removed from the old deployment; exit code 3 as long as nothing may."""
    run_here(_checklist(Migrations(address, timeout), as_json=json))


async def _checklist(service: Migrations, *, as_json: bool) -> None:
    async with service:
        phase = phase_word((await service.migration()).phase)
    if phase != PHASES[-1]:
        why = f"nothing yet: the phase is {phase}, which keeps IoTDB. iotflow migrate status tells what is next"
        typer.echo(why, err=as_json)
        raise typer.Exit(REFUSED)
    typer.echo("\n".join(_json_lines() if as_json else _lines()))


def _lines() -> Iterator[str]:
    yield "The fleet is DECOMMISSIONED. In this order, on every machine of the old deployment:"
    for about, step in _STEPS:
        yield f"  [ ] {about}: {step}"


def _json_lines() -> Iterator[str]:
    for about, step in _STEPS:
        yield json_text({"about": about, "step": step})
