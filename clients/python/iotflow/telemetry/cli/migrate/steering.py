"""``iotflow migrate jobs``, ``pause``, ``resume``, ``cancel`` and ``pace``."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from iotflow.telemetry.cli.migrate.asking import ask
from iotflow.telemetry.cli.migrate.following import follow, get_job, print_job
from iotflow.telemetry.cli.migrate.groups import grouped
from iotflow.telemetry.cli.migrate.job_options import CallOptions, PaceOptions
from iotflow.telemetry.cli.migrate.job_view import jobs_table
from iotflow.telemetry.cli.migrate.moving import Yes
from iotflow.telemetry.cli.migrate.paging import JobId, Limit, Listing
from iotflow.telemetry.cli.migrate.service import Migrations, run_here
from iotflow.telemetry.cli.migrate.words import state_word
from iotflow.telemetry.cli.options import DEFAULT_ADDRESS, Address, Json, Timeout
from iotflow.telemetry.v1 import migration_service_pb2 as pb

_JOBS: Final = Listing("ListJobs", "jobs", jobs_table, "no jobs yet")


def jobs(
    job_id: Annotated[int | None, typer.Argument(metavar="[JOB]", help="Only this one.", show_default=False)] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow JOB to its end.")] = False,
    limit: Limit = 20,
    json: Json = False,
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Jobs, the newest first; or all of one."""
    if watch and job_id is None:
        raise typer.BadParameter("--watch needs the number of a JOB; iotflow migrate status --watch shows all")
    run_here(_jobs(Migrations(address, timeout), job_id, limit, watch=watch, as_json=json))


def pause(job_id: JobId, json: Json = False, timeout: Timeout = None, address: Address = DEFAULT_ADDRESS) -> None:
    """Pause a job once its chunks under way are done."""
    run_here(_change(Migrations(address, timeout), "PauseJob", pb.PauseJobRequest(job_id=job_id), as_json=json))


def resume(job_id: JobId, json: Json = False, timeout: Timeout = None, address: Address = DEFAULT_ADDRESS) -> None:
    """Let a paused job go on, or a failed one try again what failed."""
    run_here(_change(Migrations(address, timeout), "ResumeJob", pb.ResumeJobRequest(job_id=job_id), as_json=json))


def cancel(
    job_id: JobId, yes: Yes = False, json: Json = False, timeout: Timeout = None, address: Address = DEFAULT_ADDRESS
) -> None:
    """End a job for good; what it has done stays."""
    run_here(_cancel(Migrations(address, timeout), job_id, yes=yes, as_json=json))


@grouped
def set_pace(job_id: JobId, pace: PaceOptions, call: CallOptions) -> None:
    """Change how hard a job may work, at once; what is not given is not limited."""
    request = pb.SetJobPaceRequest(job_id=job_id, pace=pace.message)
    run_here(_change(call.service, "SetJobPace", request, as_json=call.json))


async def _jobs(service: Migrations, job_id: int | None, limit: int, *, watch: bool, as_json: bool) -> None:
    async with service:
        if job_id is None:
            await _JOBS.print(service, pb.ListJobsRequest(), limit, as_json=as_json)
        elif watch:
            await follow(service, job_id, as_json=as_json)
        else:
            print_job(await get_job(service, job_id), as_json=as_json)


async def _change(service: Migrations, method: str, request: Any, *, as_json: bool) -> None:
    async with service:
        print_job((await service.call(method, request)).job, as_json=as_json)


async def _cancel(service: Migrations, job_id: int, *, yes: bool, as_json: bool) -> None:
    async with service:
        job = await get_job(service, job_id)
        if not yes:
            ask(f"{job.summary}, {state_word(job)}: it cannot be resumed afterwards. Cancel it?")
        answer = await service.call("CancelJob", pb.CancelJobRequest(job_id=job_id))
        print_job(answer.job, as_json=as_json)
