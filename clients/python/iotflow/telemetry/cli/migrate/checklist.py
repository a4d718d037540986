"""``iotflow migrate checklist``: what may be removed from the old deployment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import typer

from iotflow.telemetry.cli.migrate.service import REFUSED, Migrations, run_here
from iotflow.telemetry.cli.migrate.words import PHASES, phase_word
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Timeout

_STEPS: Final = (
    "settings: unset all whose names begin with IOTDB_; the server refuses to start while IOTDB_HOST is set",
    "package: install the server without the extra 'iotdb' (pip uninstall apache-iotdb)",
    "archive: copy its folder, manifest.json included, to where backups are; it is all that is left of IoTDB",
    "IoTDB: stop ConfigNode and DataNode; keep their disks until the archive has been verified at its new place",
    "IoTDB: then remove their data folders, services, containers, volumes, firewall rules, backups and alarms",
    "secrets: withdraw IoTDB's users and passwords",
    "this service: IOTFLOW_WORKERS may be more than 1 now",
)


def checklist(timeout: Timeout = None, address: Address = DEFAULT_ADDRESS) -> None:
    """What may be removed from the old deployment; exit code 3 as long as nothing may."""
    run_here(_checklist(Migrations(address, timeout)))


async def _checklist(service: Migrations) -> None:
    async with service:
        phase = phase_word((await service.migration()).phase)
    if phase != PHASES[-1]:
        typer.echo(f"nothing yet: the phase is {phase}, which keeps IoTDB. iotflow migrate status tells what is next")
        raise typer.Exit(REFUSED)
    typer.echo("\n".join(_lines()))


def _lines() -> Iterator[str]:
    yield "The fleet is DECOMMISSIONED. In this order, on every machine of the old deployment:"
    for step in _STEPS:
        yield f"  [ ] {step}"
