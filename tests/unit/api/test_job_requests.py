"""What requests about jobs may ask for; what is wrong is named with what would be right."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.job_pb2 import JobPace as PaceMessage
from iotflow.telemetry.v1.job_pb2 import JobScope as ScopeMessage
from iotflow_server.api import job_requests as asked
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobScope, JobSpec, JobState
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import MAX_TIMESTAMP, TimeRange


def test_nothing_said_is_everything_without_limits() -> None:
    assert asked.backfill_spec(pb.StartBackfillRequest()) == JobSpec(JobKind.BACKFILL)
    assert asked.pace_of(PaceMessage()) == JobPace()
    assert JobScope().is_everything


def test_scope_and_pace_are_taken_as_they_are_said() -> None:
    scope = ScopeMessage(device_ids=[3, 1, 3], user_id=7, measurements=["b", "a"], start_time=Timestamp(seconds=5))
    taken = asked.scope_of(scope)
    assert taken == JobScope((1, 3), 7, ("a", "b"), TimeRange(5_000_000, MAX_TIMESTAMP))
    assert not taken.is_everything
    pace = PaceMessage(workers=3, postgres_points_per_second=9, hours=["22:00-06:00"], time_zone="Europe/Berlin")
    assert asked.pace_of(pace) == JobPace(3, {StoreName.POSTGRES: 9}, ("22:00-06:00",), "Europe/Berlin")


def test_what_is_stored_comes_back() -> None:
    spec = JobSpec(JobKind.REPAIR, JobScope((1,), 2, ("a",), TimeRange(1, 2)), {"kinds": ["x"]}, continuous=True)
    assert JobSpec.from_json(spec.kind, json.loads(json.dumps(spec.to_json()))) == spec
    pace = JobPace(2, {StoreName.IOTDB: 5}, ("01:00-02:00",), "UTC")
    assert JobPace.from_json(json.loads(json.dumps(pace.to_json()))) == pace


def test_kinds_and_states_are_those_of_the_protos() -> None:
    assert set(asked.KINDS.values()) == set(JobKind)
    assert set(asked.STATES.values()) == set(JobState)


@pytest.mark.parametrize(
    ("take", "field"),
    [
        (lambda: asked.scope_of(ScopeMessage(device_ids=[0])), "scope.device_ids"),
        (lambda: asked.scope_of(ScopeMessage(user_id=-1)), "scope.user_id"),
        (lambda: asked.scope_of(ScopeMessage(measurements=["a\0"])), "scope.measurements"),
        (lambda: asked.scope_of(ScopeMessage(start_time=Timestamp(nanos=-1))), "scope.start_time"),
        (
            lambda: asked.scope_of(ScopeMessage(start_time=Timestamp(seconds=2), end_time=Timestamp(seconds=1))),
            "scope.end_time",
        ),
        (lambda: asked.pace_of(PaceMessage(workers=17)), "pace.workers"),
        (lambda: asked.pace_of(PaceMessage(iotdb_points_per_second=-1)), "pace.iotdb_points_per_second"),
        (lambda: asked.pace_of(PaceMessage(hours=["always"])), "pace.hours"),
        (lambda: asked.pace_of(PaceMessage(hours=["22:00-06:00"], time_zone="Nowhere")), "pace.time_zone"),
        (lambda: asked.page_size(1_001), "page_size"),
        (lambda: asked.token_number("x"), "page_token"),
        (lambda: asked.words([77], asked.KINDS, "kinds"), "kinds"),
        (lambda: asked.archive_spec(pb.StartArchiveRequest()), "folder"),
        (lambda: asked.verification_spec(pb.StartVerificationRequest(sample_share=1.5)), "sample_share"),
        (lambda: asked.text_of(pb.WaiveJobFindingsRequest(), "reason", 10, is_required=True), "reason"),
    ],
)
def test_what_is_wrong_is_named(take: Callable[[], object], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        take()
    assert caught.value.violations[0][0] == field
