"""The calls about the migration; see ``_calls``."""

from __future__ import annotations

from iotflow.telemetry._calls import Call
from iotflow.telemetry._comparisons import (
    ShadowMismatchPage,
    ShadowReplay,
    VerificationReport,
    decode_mismatches,
    decode_replay,
    decode_report,
)
from iotflow.telemetry._enums import Phase
from iotflow.telemetry._migration import Instance, Migration, decode_instances, decode_migration, transition
from iotflow.telemetry._records import int32, text
from iotflow.telemetry.v1 import migration_service_pb2 as pb


def get_migration() -> Call[Migration]:
    """Where the migration stands."""
    return Call("GetMigration", pb.GetMigrationRequest(), decode_migration)


def advance_phase(expected: Phase | str | None, changed_by: str, reason: str, force: bool) -> Call[Migration]:
    """Move to the next phase."""
    request = pb.AdvancePhaseRequest(**transition(expected, changed_by, reason, force))
    return Call("AdvancePhase", request, decode_migration)


def roll_back_phase(expected: Phase | str | None, changed_by: str, reason: str, force: bool) -> Call[Migration]:
    """Move to the phase before."""
    request = pb.RollBackPhaseRequest(**transition(expected, changed_by, reason, force))
    return Call("RollBackPhase", request, decode_migration)


def watch_migration(every: float) -> pb.WatchMigrationRequest:
    """The request of a stream."""
    return pb.WatchMigrationRequest(every_seconds=every)


def list_instances() -> Call[tuple[Instance, ...]]:
    """The instances."""
    return Call("ListInstances", pb.ListInstancesRequest(), decode_instances)


def remove_instance(instance_id: str) -> Call[tuple[Instance, ...]]:
    """Say that one is dead."""
    request = pb.RemoveInstanceRequest(instance_id=text(instance_id, "instance_id"))
    return Call("RemoveInstance", request, decode_instances)


def get_verification_report(job_id: int) -> Call[VerificationReport]:
    """What a verification found."""
    return Call("GetVerificationReport", pb.GetVerificationReportRequest(job_id=job_id), decode_report)


def list_shadow_mismatches(page_size: int, page_token: str) -> Call[ShadowMismatchPage]:
    """One page of mismatches."""
    request = pb.ListShadowMismatchesRequest(page_size=int32(page_size, "page_size"), page_token=page_token)
    return Call("ListShadowMismatches", request, decode_mismatches)


def replay_shadow_mismatch(mismatch_id: int) -> Call[ShadowReplay]:
    """Ask both stores again."""
    return Call("ReplayShadowMismatch", pb.ReplayShadowMismatchRequest(id=mismatch_id), decode_replay)
