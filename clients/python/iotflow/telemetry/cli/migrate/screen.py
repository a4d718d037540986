"""One screen that tells where the fleet stands, what blocks and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from iotflow.telemetry._times import moment_of
from iotflow.telemetry.cli.migrate.instances_view import instances_table
from iotflow.telemetry.cli.migrate.job_view import jobs_table
from iotflow.telemetry.cli.migrate.listing import listing
from iotflow.telemetry.cli.migrate.stores_view import stores_view
from iotflow.telemetry.cli.migrate.words import MEANINGS, NEXT, neighbour, phase_word, store_word
from iotflow.telemetry.v1 import migration_service_pb2 as pb


def status_screen(migration: pb.Migration) -> RenderableType:
    """All of it."""
    phase = phase_word(migration.phase)
    parts: list[RenderableType] = [*_headline(migration, phase), Text(), stores_view(migration.stores)]
    if migration.instances:
        parts.append(instances_table(migration.instances))
    if migration.HasField("shadow_mismatches"):
        parts.append(_shadow_reads(migration.shadow_mismatches))
    for step, word, guards in ((1, "next", migration.advance_guards), (-1, "back", migration.roll_back_guards)):
        if target := neighbour(phase, step):
            parts += [Text(), Text(f"{word}: {target}", style="bold"), guard_table(guards)]
    if migration.jobs:
        parts += [Text(), Text("jobs", style="bold"), jobs_table(migration.jobs)]
    return Group(*parts, Text(), what_to_do(migration, phase))


def guard_table(guards: Iterable[pb.Guard]) -> RenderableType:
    """Guards, each with what was found and, where it does not hold, how to satisfy it."""
    table = Table.grid(padding=(0, 2))
    for guard in guards:
        mark = Text("  ok  ", "green") if guard.satisfied else Text("  WAIT", "bold red")
        table.add_row(mark, guard.name, Text(guard.finding))
        if not guard.satisfied:
            table.add_row("", "", Text(f"-> {guard.remedy}", "yellow"))
    return table


def history_table(changes: Iterable[pb.PhaseChange]) -> RenderableType:
    """Transitions that were made."""
    table = listing("epoch", "phase", "when", "who", "why", "forced", whole=("phase", "when"))
    for change in changes:
        when = f"{moment_of(change.changed_at):%Y-%m-%d %H:%M:%SZ}"
        who, why = Text(change.changed_by), Text(change.reason)
        table.add_row(str(change.epoch), phase_word(change.phase), when, who, why, "forced" if change.forced else "")
    return table


def what_to_do(migration: pb.Migration, phase: str) -> RenderableType:
    """The one thing that an operator should do now."""
    away = [store_word(store.store) for store in migration.stores if _is_missed(store)]
    blocked = [guard for guard in migration.advance_guards if not guard.satisfied]
    if away:
        return Text(f"What to do: bring {' and '.join(away)} back; what it misses is repaired by itself.", "bold red")
    if blocked:
        steps = "; ".join(guard.remedy for guard in blocked)
        return Text(f"What to do: the next phase waits for {len(blocked)} of its guards: {steps}.", "bold yellow")
    return Text(f"What to do: {NEXT[phase]}.", "bold green")


def _headline(migration: pb.Migration, phase: str) -> Iterator[Text]:
    line = Text.assemble((phase, "bold"), f"  epoch {migration.epoch}  {MEANINGS[phase]}")
    yield line
    if migration.HasField("transition"):
        moving = migration.transition
        yield Text(f"moving to {phase_word(moving.target)}, {moving.waits_for}", "bold yellow")
    if migration.history:
        last = migration.history[0]
        since = f"since {moment_of(last.changed_at):%Y-%m-%d %H:%M:%SZ}"
        who = f" by {last.changed_by}" if last.changed_by else ""
        yield Text(f"{since}{who}{': ' if last.reason else ''}{last.reason}{' (forced)' if last.forced else ''}", "dim")


def _shadow_reads(mismatches: int) -> Text:
    return Text(f"shadow reads answered differently of late: {mismatches:,}", "bold red" if mismatches else "dim")


def _is_missed(store: pb.StoreStatus) -> bool:
    return not store.reachable and (store.written or store.read)
