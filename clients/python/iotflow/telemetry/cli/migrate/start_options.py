"""How jobs are started: rehearsed, after a question, or at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import typer
from rich.console import Console

from iotflow.telemetry.cli.migrate.asking import ask
from iotflow.telemetry.cli.migrate.changing import Change
from iotflow.telemetry.cli.migrate.following import follow, print_job
from iotflow.telemetry.cli.migrate.job_options import CallOptions
from iotflow.telemetry.cli.migrate.moving import DryRun, Yes
from iotflow.telemetry.cli.migrate.rehearsing import extent_words, rehearsal_json, rehearsal_screen
from iotflow.telemetry.cli.migrate.service import Migrations, run_here

Wait: TypeAlias = Annotated[
    bool, typer.Option("--wait", help="Follow the job to its end; exit code 5 if it does not succeed.")
]
#: A rehearsal counts for a while.
_SECONDS: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class StartOptions(CallOptions):
    """How a job is started that loses nothing."""

    wait: Wait = False
    dry_run: DryRun = False

    def start(self, method: str, request: Any, change: Change) -> None:
        """Start a job, and show it; to its end where that is asked for."""
        run_here(self._start(method, request, change))

    async def _start(self, method: str, request: Any, change: Change) -> None:
        async with Migrations(self.address, self.timeout or _SECONDS) as service:
            if self.dry_run:
                await self._rehearse(service, method, request, change)
                return
            await self._ask(service, method, request, change)
            job = (await service.call(method, request)).job
            if self.wait:
                await follow(service, job.id, as_json=self.json)
            else:
                print_job(job, as_json=self.json)

    async def _rehearse(self, service: Migrations, method: str, request: Any, change: Change) -> None:
        answer = await _foreseen(service, method, request)
        told = change.told(await service.migration())
        if self.json:
            typer.echo(rehearsal_json(answer.job, answer.plan, told))
        else:
            Console().print(rehearsal_screen(answer.job, answer.plan, told))

    async def _ask(self, service: Migrations, method: str, request: Any, change: Change) -> None:
        """Ask where that is needed."""


@dataclass(frozen=True, kw_only=True)
class ChangingOptions(StartOptions):
    """How a job is started that may lose something."""

    yes: Yes = False

    async def _ask(self, service: Migrations, method: str, request: Any, change: Change) -> None:
        if self.yes or not change.is_final:
            return
        answer = await _foreseen(service, method, request)
        told = change.told(await service.migration())
        ask(f"{answer.job.summary}: {extent_words(answer.plan)}. {told}. It cannot be undone. Go on?")


async def _foreseen(service: Migrations, method: str, request: Any) -> Any:
    rehearsed = type(request)()
    rehearsed.CopyFrom(request)
    rehearsed.validate_only = True
    return await service.call(method, rehearsed)
