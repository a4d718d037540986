"""Instances on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from iotflow.telemetry.cli.migrate.listing import listing
from iotflow.telemetry.v1 import migration_service_pb2 as pb


def instances_table(listed: Iterable[pb.Instance]) -> Table:
    """Instances, each with what it acts by, when it was heard of, and what it has on its own disk."""
    table = listing("instance", "state", "epoch", "step", "heard of", "dirty on its disk", "id")
    for each in listed:
        step = pb.TransitionStep.Name(each.step).removeprefix("TRANSITION_STEP_") if each.step else "-"
        heard, dirty = f"{each.silent_seconds:,.1f} s ago", f"{each.dirty_ranges:,} ranges"
        table.add_row(Text(each.name), _state(each), str(each.epoch), step, heard, dirty, each.instance_id)
    return table


def _state(instance: pb.Instance) -> Text:
    if instance.stopped:
        return Text("stopped", "red")
    return Text("follows", "green") if instance.confirmed else Text("behind", "yellow")
