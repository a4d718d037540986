"""``iotflow migrate advance`` and ``rollback``: they move the fleet."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

from iotflow.telemetry.cli.migrate.asking import ask
from iotflow.telemetry.cli.migrate.groups import grouped
from iotflow.telemetry.cli.migrate.job_options import CallOptions
from iotflow.telemetry.cli.migrate.screen import guard_table, what_to_do
from iotflow.telemetry.cli.migrate.service import REFUSED, Migrations, fields_of, json_line, json_text, run_here
from iotflow.telemetry.cli.migrate.words import MEANINGS, neighbour, phase_word
from iotflow.telemetry.cli.running import CommandError
from iotflow.telemetry.v1 import migration_service_pb2 as pb

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the history; needed with --force.")]
By = Annotated[str, typer.Option("--by", help="Who, for the history; your login by default.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Move although guards do not hold. Readers may miss points.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell whether it would be done; exit code 3 if not.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; for scripts.")]

#: A transition waits for what is under way.
_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class MoveOptions(CallOptions):
    """How the fleet is moved."""

    reason: Reason = ""
    by: By = ""
    force: Force = False
    dry_run: DryRun = False
    yes: Yes = False

    def go(self, step: int) -> None:
        """Move so many phases on."""
        move = _Move(step, self.by or getpass.getuser(), self.reason, self.force)
        service = Migrations(self.address, self.timeout or _SECONDS)
        run_here(move.run(service, dry_run=self.dry_run, yes=self.yes, as_json=self.json))


@grouped
def advance(move: MoveOptions) -> None:
    """Move to the next phase, if its guards hold."""
    move.go(1)


@grouped
def rollback(move: MoveOptions) -> None:
    """Move back to the phase before, if its guards hold."""
    move.go(-1)


class _Move:
    def __init__(self, step: int, by: str, reason: str, force: bool) -> None:
        self._step = step
        self._request: dict[str, Any] = {"changed_by": by, "reason": reason, "force": force}

    async def run(self, service: Migrations, *, dry_run: bool, yes: bool, as_json: bool) -> None:
        async with service:
            migration = await service.migration()
            phase, target = self._target(migration)
            if dry_run:
                self._rehearse(migration, phase, target, as_json=as_json)
                return
            if not yes:
                self._ask(migration, phase, target)
            moved = await self._move(service, migration.phase)
        if as_json:
            typer.echo(json_line(moved))
        else:
            Console().print(f"{phase} -> {target}: {MEANINGS[target]}. Epoch {moved.epoch}.")
            Console().print(what_to_do(moved, phase_word(moved.phase)))

    async def _move(self, service: Migrations, phase: Any) -> pb.Migration:
        if self._step > 0:
            request = pb.AdvancePhaseRequest(expected_phase=phase, **self._request)
            return (await service.call("AdvancePhase", request)).migration  # type: ignore[no-any-return]  # by name
        back = pb.RollBackPhaseRequest(expected_phase=phase, **self._request)
        return (await service.call("RollBackPhase", back)).migration  # type: ignore[no-any-return]  # by name

    def _target(self, migration: pb.Migration) -> tuple[str, str]:
        phase = phase_word(migration.phase)
        if target := neighbour(phase, self._step):
            return phase, target
        raise CommandError(f"{phase} is the last phase" if self._step > 0 else f"there is no way back from {phase}")

    def _guards(self, migration: pb.Migration) -> Sequence[pb.Guard]:
        return migration.advance_guards if self._step > 0 else migration.roll_back_guards

    def _rehearse(self, migration: pb.Migration, phase: str, target: str, *, as_json: bool) -> None:
        guards = self._guards(migration)
        would_be_done = all(guard.satisfied or (guard.forcible and self._request["force"]) for guard in guards)
        if as_json:
            listed = [{"satisfied": guard.satisfied, **fields_of(guard)} for guard in guards]
            typer.echo(json_text({"from": phase, "to": target, "would_be_done": would_be_done, "guards": listed}))
        else:
            word = "done" if would_be_done else "refused"
            heading, end = f"{phase} -> {target}: {MEANINGS[target]}", f"would be {word}; nothing was done"
            Console().print(heading, guard_table(guards), end, sep="\n")
        if not would_be_done:
            raise typer.Exit(REFUSED)

    def _ask(self, migration: pb.Migration, phase: str, target: str) -> None:
        """Ask before what cannot be undone."""
        failing = [guard for guard in self._guards(migration) if not guard.satisfied]
        if target == "DECOMMISSIONED" and (self._request["force"] or not failing):
            ask(f"{phase} -> {target}: IoTDB is given up, and there is NO WAY BACK. Go on?")
        elif self._request["force"] and failing:
            found = "; ".join(f"{guard.name}: {guard.finding}" for guard in failing)
            ask(f"{found}. Readers may miss points. Force {phase} -> {target}?")
