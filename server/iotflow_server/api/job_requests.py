"""What requests about jobs ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from iotflow.telemetry.v1 import job_pb2
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow_server.api.invalid import InvalidRequestError
from iotflow_server.api.times import microseconds
from iotflow_server.migration.jobs.hours import Hours
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobScope, JobSpec, JobState
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, TimeRange

MAX_WHO: Final = 200
MAX_REASON: Final = 1_000
MAX_WORKERS: Final = 16
MAX_PAGE: Final = 1_000
_DEFAULT_PAGE: Final = 100
_DIFFERENCES: Final[dict[int, str]] = {
    pb.DIFFERENCE_KIND_MISSING: "missing",
    pb.DIFFERENCE_KIND_MISMATCHED: "mismatched",
    pb.DIFFERENCE_KIND_EXTRA: "extra",
}
KINDS: Final[dict[int, JobKind]] = {job_pb2.JobKind.Value(f"JOB_KIND_{kind}"): kind for kind in JobKind}
STATES: Final[dict[int, JobState]] = {job_pb2.JobState.Value(f"JOB_STATE_{state}"): state for state in JobState}
_Word = TypeVar("_Word", JobKind, JobState)


def backfill_spec(request: pb.StartBackfillRequest) -> JobSpec:
    """The backfill that is asked for."""
    return JobSpec(JobKind.BACKFILL, scope_of(request.scope))


def verification_spec(request: pb.StartVerificationRequest) -> JobSpec:
    """The verification that is asked for. Options: sample_share (over 0 to 1), autocorrect (kinds of differences)."""
    share = request.sample_share
    if not 0 <= share <= 1:
        raise InvalidRequestError(("sample_share", f"{share} is no share; 0 (all) to 1 is right"))
    kinds = _differences(request.autocorrect, "autocorrect")
    options = {"sample_share": share or 1.0, "autocorrect": kinds}
    return JobSpec(JobKind.VERIFICATION, scope_of(request.scope), options, continuous=request.continuous)


def repair_spec(request: pb.StartRepairRequest) -> JobSpec:
    """The repair that is asked for. Options: kinds (of differences)."""
    kinds = _differences(request.kinds, "kinds") or sorted(_DIFFERENCES.values())
    return JobSpec(JobKind.REPAIR, scope_of(request.scope), {"kinds": kinds})


def archive_spec(request: pb.StartArchiveRequest) -> JobSpec:
    """The archive that is asked for. Options: folder."""
    if not request.folder or "\0" in request.folder:
        raise InvalidRequestError(("folder", "the folder that the files go to is required"))
    return JobSpec(JobKind.ARCHIVE, scope_of(request.scope), {"folder": request.folder})


def scope_of(scope: job_pb2.JobScope) -> JobScope:
    """What a job is about."""
    if any(device < 1 for device in scope.device_ids):
        raise InvalidRequestError(("scope.device_ids", "device ids are 1 to 2147483647"))
    if scope.user_id < 0:
        raise InvalidRequestError(("scope.user_id", "a user_id must not be negative"))
    if any("\0" in name for name in scope.measurements):
        raise InvalidRequestError(("scope.measurements", "a measurement cannot hold U+0000"))
    start = _moment(scope, "start_time", MIN_TIMESTAMP)
    end = _moment(scope, "end_time", MAX_TIMESTAMP)
    if end < start:
        raise InvalidRequestError(("scope.end_time", "it is before start_time"))
    devices, names = tuple(sorted(set(scope.device_ids))), tuple(sorted(set(scope.measurements)))
    return JobScope(devices, scope.user_id, names, TimeRange(start, end))


def pace_of(pace: job_pb2.JobPace) -> JobPace:
    """How hard a job may work."""
    if not 0 <= pace.workers <= MAX_WORKERS:
        raise InvalidRequestError(("pace.workers", f"1 to {MAX_WORKERS}, or 0 for the setting, is right"))
    rates = {StoreName.IOTDB: pace.iotdb_points_per_second, StoreName.POSTGRES: pace.postgres_points_per_second}
    for store, rate in rates.items():
        if rate < 0:
            raise InvalidRequestError((f"pace.{store}_points_per_second", "a limit must not be negative; 0 is none"))
    for field, hours in (("pace.time_zone", ()), ("pace.hours", pace.hours)):
        try:
            Hours.parse(hours, pace.time_zone)
        except ValueError as error:
            raise InvalidRequestError((field, str(error))) from None
    limits = {store: rate for store, rate in rates.items() if rate}
    return JobPace(pace.workers, limits, tuple(pace.hours), pace.time_zone or "UTC")


def words(numbers: Iterable[int], known: Mapping[int, _Word], field: str) -> list[_Word]:
    """What enum values of a request stand for."""
    found = list(numbers)
    if unknown := set(found) - set(known):
        raise InvalidRequestError((field, f"{min(unknown)} is none; one of {', '.join(known.values())} is right"))
    return [known[number] for number in found]


def page_size(size: int) -> int:
    """Entries of a page."""
    if not 0 <= size <= MAX_PAGE:
        raise InvalidRequestError(("page_size", f"1 to {MAX_PAGE}, or 0 for {_DEFAULT_PAGE}, is right"))
    return size or _DEFAULT_PAGE


def token_number(token: str) -> int | None:
    """The number that a page token holds, None where it is empty."""
    if not token:
        return None
    if not token.isascii() or not token.isdigit() or len(token) > 18:
        raise InvalidRequestError(("page_token", "it is not one that was given"), reason="INVALID_PAGE_TOKEN")
    return int(token)


def text_of(request: Any, field: str, longest: int, *, is_required: bool = False) -> str:
    """A text of a request."""
    text: str = getattr(request, field)
    if len(text) > longest or "\0" in text:
        raise InvalidRequestError((field, f"at most {longest} characters, without U+0000"))
    if is_required and not text.strip():
        raise InvalidRequestError((field, "is required: it is kept"))
    return text


def _differences(numbers: Iterable[int], field: str) -> list[str]:
    found = set(numbers)
    if unknown := found - set(_DIFFERENCES):
        raise InvalidRequestError((field, f"{min(unknown)} is no kind of difference"))
    return sorted(_DIFFERENCES[number] for number in found)


def _moment(scope: job_pb2.JobScope, field: str, default: int) -> int:
    if not scope.HasField(field):
        return default
    try:
        return microseconds(getattr(scope, field))
    except ValueError as error:
        raise InvalidRequestError((f"scope.{field}", str(error))) from None
