"""``iotflow migrate instances``: the processes that serve the fleet, and the removal of one that is dead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console

from iotflow.telemetry.cli.migrate.asking import ask
from iotflow.telemetry.cli.migrate.groups import grouped
from iotflow.telemetry.cli.migrate.instances_view import instances_table
from iotflow.telemetry.cli.migrate.job_options import CallOptions
from iotflow.telemetry.cli.migrate.moving import Yes
from iotflow.telemetry.cli.migrate.service import Migrations, json_line, run_here
from iotflow.telemetry.cli.running import CommandError
from iotflow.telemetry.v1 import migration_service_pb2 as pb

instances: Final = typer.Typer(
    invoke_without_command=True, help="The processes that serve the fleet; remove NAME says that one is dead."
)


@instances.callback()
@grouped
def show(context: typer.Context, call: CallOptions) -> None:
    """The processes that serve the fleet, and how each of them follows."""
    if context.invoked_subcommand is None:
        run_here(_show(call.service, as_json=call.json))


@instances.command()
@grouped
def remove(
    name: Annotated[str, typer.Argument(help="Its name, or its id where several have the name.")],
    call: CallOptions,
    yes: Yes = False,
) -> None:
    """Say that an instance is dead, so that transitions no longer wait for it; exit code 3 while it is heard of."""
    run_here(_remove(call.service, name, yes=yes, as_json=call.json))


async def _show(service: Migrations, *, as_json: bool) -> None:
    async with service:
        answer = await service.call("ListInstances", pb.ListInstancesRequest())
    _print(answer.instances, as_json=as_json)


async def _remove(service: Migrations, name: str, *, yes: bool, as_json: bool) -> None:
    async with service:
        listed = (await service.call("ListInstances", pb.ListInstancesRequest())).instances
        found = _named(listed, name)
        if not yes:
            ask(_question(found))
        answer = await service.call("RemoveInstance", pb.RemoveInstanceRequest(instance_id=found.instance_id))
    _print(answer.instances, as_json=as_json)


def _print(listed: Sequence[pb.Instance], *, as_json: bool) -> None:
    if as_json:
        for each in listed:
            typer.echo(json_line(each))
    else:
        Console().print(instances_table(listed) if listed else "no instances: PostgreSQL is away, or IoTDB is gone")


def _named(listed: Sequence[pb.Instance], name: str) -> pb.Instance:
    found = [each for each in listed if name in (each.name, each.instance_id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"several instances are called {name!r}; give the id: {_listed(found)}")
    raise CommandError(f"no instance is called {name!r}; there are {_listed(listed) or 'none'}")


def _listed(instances: Iterable[pb.Instance]) -> str:
    return ", ".join(f"{each.name} ({each.instance_id})" for each in instances)


def _question(instance: pb.Instance) -> str:
    last = "has ended" if instance.stopped else f"was heard of {instance.silent_seconds:,.0f} s ago"
    return (
        f"{instance.name} {last}, with {instance.dirty_ranges:,} dirty ranges on its disk. If it lives on, its clients "
        "will read and write by a phase that the others leave. Is it dead, and to be removed?"
    )
