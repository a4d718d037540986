"""Where the migration stands as a proto."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.api.encode import store_message
from iotflow_server.api.instances import PHASES, instance_messages, transition_message
from iotflow_server.api.job_messages import job_message
from iotflow_server.api.times import moment_message
from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.spec import JobState
from iotflow_server.migration.status import Guard, MigrationStatus, PhaseChange, StoreStatus

#: The states of jobs that an operator has to know of.
SHOWN_STATES: Final = tuple(state for state in JobState if state not in (JobState.SUCCEEDED, JobState.CANCELLED))
SHOWN_JOBS: Final = 10


def migration_message(status: MigrationStatus, jobs: Iterable[Job]) -> pb.Migration:
    """All of it."""
    return pb.Migration(
        phase=PHASES[status.phase],
        epoch=status.epoch,
        stores=map(_store, status.stores),
        advance_guards=map(_guard, status.advance_guards),
        roll_back_guards=map(_guard, status.roll_back_guards),
        history=map(_change, status.history),
        instances=instance_messages(status.instances, status.revision),
        transition=transition_message(status),
        shadow_mismatches=status.shadow_mismatches,
        jobs=map(job_message, jobs),
    )


def gist_of(migration: pb.Migration) -> Hashable:
    """What of it is worth to be told at once; rates, ages and counts that always change are not."""
    moving = migration.transition
    return (
        (migration.epoch, moving.target, moving.step, moving.waits_for != ""),
        tuple((store.reachable, store.dirty_ranges > 0) for store in migration.stores),
        tuple((guard.name, guard.satisfied) for guard in (*migration.advance_guards, *migration.roll_back_guards)),
        tuple((each.instance_id, each.confirmed, each.stopped, each.step) for each in migration.instances),
        tuple((job.id, job.state) for job in migration.jobs),
        migration.shadow_mismatches,
    )


def _store(status: StoreStatus) -> pb.StoreStatus:
    dirt, load = status.figures.dirt, status.figures.load
    return pb.StoreStatus(
        store=store_message(status.store),
        reachable=status.reachable,
        written=status.written,
        read=status.read,
        dirty_ranges=dirt.ranges,
        last_error=status.last_error,
        repaired_points=load.repaired_points,
        lag_seconds=dirt.lag_seconds,
        lag_points=dirt.points,
        points_per_second=load.points_per_second,
        reads_per_second=load.reads_per_second,
        write_p95_seconds=load.write_p95_seconds,
        read_p95_seconds=load.read_p95_seconds,
    )


def _guard(guard: Guard) -> pb.Guard:
    return pb.Guard(
        name=guard.name,
        satisfied=guard.satisfied,
        finding=guard.finding,
        remedy=guard.remedy,
        forcible=guard.forcible,
    )


def _change(change: PhaseChange) -> pb.PhaseChange:
    return pb.PhaseChange(
        epoch=change.epoch,
        phase=PHASES[change.phase],
        changed_at=moment_message(change.changed_at),
        changed_by=change.changed_by,
        reason=change.reason,
        forced=change.forced,
    )
