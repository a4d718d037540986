"""The commands of ``iotflow migrate``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import typer

from iotflow.telemetry.cli.migrate import comparing, findings, moving, showing, starting, steering
from iotflow.telemetry.cli.migrate.checklist import checklist
from iotflow.telemetry.cli.migrate.instances import instances

migrate: Final = typer.Typer(
    help="Carry the fleet from IoTDB to PostgreSQL, and back.",
    epilog="Exit codes: 0 done; 1 failed, or the service does not answer; 2 wrong usage; 3 refused as things stand; "
    "4 somebody else has moved the phase, or an instance did not follow in time and the move was undone; "
    "5 the job that was waited for did not succeed.",
    no_args_is_help=True,
)

_COMMANDS: Final[dict[str, Callable[..., Any]]] = {
    "status": showing.status,
    "history": showing.history,
    "advance": moving.advance,
    "rollback": moving.rollback,
    "backfill": starting.backfill,
    "verify": starting.verify,
    "repair": starting.repair,
    "archive": starting.archive,
    "jobs": steering.jobs,
    "pause": steering.pause,
    "resume": steering.resume,
    "cancel": steering.cancel,
    "pace": steering.set_pace,
    "findings": findings.findings,
    "waive": findings.waive,
    "report": comparing.report,
    "mismatches": comparing.mismatches,
    "checklist": checklist,
}
migrate.add_typer(instances, name="instances")
for _name, _command in _COMMANDS.items():
    migrate.command(_name)(_command)
