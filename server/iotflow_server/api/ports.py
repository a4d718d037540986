"""What the edge needs of the parts below it, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.cache.results import Place, Question
from iotflow_server.ingest.waiter import Waiter
from iotflow_server.ingest.writable import Writable
from iotflow_server.migration.jobs.job import Job, RecordedFinding
from iotflow_server.migration.jobs.plan import JobPlan
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState
from iotflow_server.migration.status import MigrationStatus
from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.results import LatestPoints, Page, SeriesList
from iotflow_server.routing.phase import Phase
from iotflow_server.shadow.mismatches import ShadowMismatch
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.stream_writer import StreamWriter


class Budget(Protocol):
    """Bounds what is taken but not yet stored, in bytes."""

    def reserve_now(self, nbytes: int) -> None:
        """Take room, or raise OverloadedError."""

    def reserved(self, nbytes: int) -> bool:
        """Take room if there is some; whether that is so."""

    async def reserve(self, nbytes: int) -> None:
        """Take room, waiting for it."""

    def release(self, nbytes: int) -> None:
        """Give room back."""


class IngestPort(Protocol):
    """The way in; see ingest/ingest.py."""

    @property
    def budget(self) -> Budget:
        """What may be under way."""

    def write(self, writable: Writable, waiter: Waiter) -> None:
        """Begin to store what there was room for in the budget."""

    async def enter(self, writer: StreamWriter) -> None:
        """Begin a stream."""

    def withdraw(self, writables: Collection[Writable]) -> None:
        """Give up those that no flush has begun."""

    async def delete(self, device_id: int, selection: Selection) -> tuple[StoreName, ...]:
        """Delete points of one device."""


class RegistryPort(Protocol):
    """The registry of devices; see access/registry.py."""

    def knows(self, device_id: int) -> bool:
        """Whether a device is registered."""

    def owner(self, device_id: int) -> int:
        """The owner of a device, 0 for none."""

    async def devices_of(self, user_id: int) -> tuple[int, ...]:
        """The devices of a user."""

    async def look_up(self, device_ids: Sequence[int]) -> None:
        """See to it that the owners of devices are known."""

    async def register_unknown(self, devices: Mapping[int, int]) -> frozenset[int]:
        """Register devices by their first write; return those that may not."""

    async def register(self, device_id: int, user_id: int) -> RegisteredDevice:
        """Register a device."""

    async def list_devices(self, user_id: int, after_device_id: int, limit: int) -> list[RegisteredDevice]:
        """Return devices beyond one."""


class MigrationPort(Protocol):
    """The phase; see migration/controller.py."""

    async def status(self) -> MigrationStatus:
        """Where the migration stands."""

    async def advance(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        """Move on."""

    async def roll_back(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        """Move back."""

    async def remove_instance(self, instance_id: str) -> MigrationStatus:
        """Say that an instance is dead."""


class ReportsPort(Protocol):
    """Reports of verifications; see migration/verification/reports.py."""

    async def report(self, job_id: int) -> tuple[str, str]:
        """Return a report as JSON, and as a page."""


class MismatchesPort(Protocol):
    """Reads that both stores answered differently; see shadow/mismatches.py."""

    async def listed(self, before: int | None, limit: int) -> list[ShadowMismatch]:
        """Return the newest first, of numbers below ``before``."""


class ReplayPort(Protocol):
    """Asks both stores again; see shadow/shadow_reads.py."""

    async def replay(self, number: int) -> str:
        """Return where the answers differ, empty where they do not."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What compares both stores."""

    reports: ReportsPort
    mismatches: MismatchesPort
    shadow: ReplayPort


class JobsPort(Protocol):
    """Long works; see migration/jobs/jobs.py."""

    async def start(self, spec: JobSpec, pace: JobPace, created_by: str) -> Job:
        """Start a job."""

    async def plan(self, spec: JobSpec) -> JobPlan:
        """Return what a job would go over."""

    async def get(self, job_id: int) -> Job:
        """Return a job."""

    async def list_jobs(
        self, kinds: Collection[JobKind], states: Collection[JobState], before: int | None, limit: int
    ) -> list[Job]:
        """Return jobs, newest first."""

    def watch(self, job_id: int) -> AsyncIterator[Job]:
        """Yield a job whenever it changes."""

    async def pause(self, job_id: int) -> Job:
        """Pause a job."""

    async def resume(self, job_id: int) -> Job:
        """Let a job go on."""

    async def cancel(self, job_id: int) -> Job:
        """End a job."""

    async def set_pace(self, job_id: int, pace: JobPace) -> Job:
        """Change how hard a job may work."""

    async def findings(self, job_id: int, offset: int, limit: int) -> Sequence[RecordedFinding]:
        """Return what a job found by name."""

    async def waive(self, job_id: int, code: str, subject: str, waived_by: str, reason: str) -> tuple[int, Job]:
        """Waive findings."""


class ResultsPort(Protocol):
    """Results that are kept; see cache/results.py."""

    async def look_up(self, question: Question) -> Place | None:
        """Return the place of a result."""


class QueryPort(Protocol):
    """Reads; see query/engine.py."""

    async def page(
        self,
        selection: Selection,
        *,
        descending: bool,
        page_size: int,
        token: str,
        user_id: int = 0,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> Page:
        """Return one page of points."""

    def stream(
        self,
        selection: Selection,
        *,
        descending: bool,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store that answers, and a whole range in batches."""

    def downsample(
        self, selection: Selection, downsampling: Downsampling, *, descending: bool, quality: QualityFlags = None
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        """Return the store that answers, and few points of each series."""

    async def latest(self, selection: Selection) -> LatestPoints:
        """Return the latest point of each series."""

    async def aggregate(self, selection: Selection, query: AggregateQuery) -> AggregateTable:
        """Return the aggregates of each series."""

    async def series(self, device_ids: Sequence[int], *, count_points: bool = False) -> SeriesList:
        """Return the series that hold points."""
