"""Small parts for the edge to stand on. Stores are not among them: what they do is tested on real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import grpc

from iotflow.telemetry.v1.access_service_pb2_grpc import AccessServiceStub
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceStub
from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from iotflow_server.access.registry import RegisteredDevice
from iotflow_server.api.ports import Comparisons
from iotflow_server.config import Settings
from iotflow_server.ingest.budget import ByteBudget
from iotflow_server.ingest.waiter import Waiter
from iotflow_server.ingest.writable import Writable
from iotflow_server.migration.jobs.job import Job, JobKindUnavailableError, RecordedFinding, UnknownJobError
from iotflow_server.migration.jobs.plan import JobPlan
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState
from iotflow_server.migration.status import MigrationStatus
from iotflow_server.observability.metrics import Metrics
from iotflow_server.query.aggregate_query import AggregateQuery
from iotflow_server.query.aggregate_rows import AggregateTable
from iotflow_server.query.downsampling import Downsampling
from iotflow_server.query.point_list import PointList
from iotflow_server.query.quality import QualityFlags
from iotflow_server.query.results import LatestPoints, Page, SeriesList
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.refusal import Refusal
from iotflow_server.server import TelemetryServer
from iotflow_server.shadow.mismatches import ShadowMismatch
from iotflow_server.shadow.shadow_reads import UnknownMismatchError
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.errors import WriterSupersededError
from iotflow_server.stores.frame_builder import FrameBuilder
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.points import Points
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.stream_writer import StreamWriter

if TYPE_CHECKING:
    from iotflow.telemetry.v1.access_service_pb2_grpc import AccessServiceAsyncStub
    from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceAsyncStub
    from iotflow.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceAsyncStub


class Ingest:
    """Keeps batches in a list, once the gate is open."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.budget = ByteBudget(limit)
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[Sequence[Batch]] = []
        self.written: list[Sequence[Batch]] = []
        self.refusals: tuple[Refusal, ...] = ()
        self.failure: Exception | None = None
        self.entered: list[StreamWriter] = []
        self.withdrawn: list[Writable] = []
        self.writers: list[frozenset[StreamWriter]] = []
        self.arrival = asyncio.Event()
        self.under_way: set[asyncio.Task[WriteOutcome]] = set()

    def write(self, writable: Writable, waiter: Waiter) -> None:
        task = asyncio.create_task(self._write(writable))
        self.under_way.add(task)
        task.add_done_callback(lambda _: self._ended(task, waiter))

    def _ended(self, task: asyncio.Task[WriteOutcome], waiter: Waiter) -> None:
        self.under_way.discard(task)
        error = task.exception()
        if error is None:
            waiter.stored(task.result())
        else:
            assert isinstance(error, Exception)
            waiter.failed(error)

    async def _write(self, writable: Writable) -> WriteOutcome:
        frame = FrameBuilder()
        writable.add_to(frame, 1)
        built = frame.build()
        self.writers.append(built.writers)
        batches = list(built)
        try:
            return await self._store(batches) if batches else WriteOutcome((StoreName.POSTGRES,))
        finally:
            self.budget.release(writable.nbytes)

    async def _store(self, batches: Sequence[Batch]) -> WriteOutcome:
        self.begun.append(batches)
        self.arrival.set()
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.written.append(batches)
        return WriteOutcome((StoreName.POSTGRES,), self.refusals)

    async def enter(self, writer: StreamWriter) -> None:
        self.entered.append(writer)
        if writer.writer_id == "superseded":
            raise WriterSupersededError(StoreName.POSTGRES, "a later stream has begun")

    def withdraw(self, writables: Collection[Writable]) -> None:
        self.withdrawn += writables

    async def delete(self, device_id: int, selection: Selection) -> tuple[StoreName, ...]:
        return (StoreName.IOTDB, StoreName.POSTGRES)

    async def begun_count(self, count: int) -> None:
        """Return once so many writes have begun."""
        while len(self.begun) < count:
            self.arrival.clear()
            await self.arrival.wait()


class Registry:
    """Knows devices 1 to 9, of which 1 and 2 belong to user 5; refuses device 13."""

    def knows(self, device_id: int) -> bool:
        return device_id < 10

    def owner(self, device_id: int) -> int:
        return 5 if device_id in (1, 2) else 0

    async def devices_of(self, user_id: int) -> tuple[int, ...]:
        return (1, 2) if user_id == 5 else ()

    async def look_up(self, device_ids: Sequence[int]) -> None:
        pass

    async def register_unknown(self, devices: Mapping[int, int]) -> frozenset[int]:
        return frozenset({13}) & devices.keys()

    async def register(self, device_id: int, user_id: int) -> RegisteredDevice:
        return RegisteredDevice(device_id, user_id, datetime(2024, 1, 2, tzinfo=UTC))

    async def list_devices(self, user_id: int, after_device_id: int, limit: int) -> list[RegisteredDevice]:
        ids = [device_id for device_id in range(1, 10) if device_id > after_device_id]
        return [await self.register(device_id, self.owner(device_id)) for device_id in ids[:limit]]


class Queries:
    """Answers nothing, or raises ``failure``; remembers the last selection."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.selection: Selection | None = None
        self.query: AggregateQuery | None = None
        self.batches: list[Batch] = []

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
        self._note(selection)
        return Page(NO_POINTS, "", StoreName.POSTGRES)

    def stream(
        self,
        selection: Selection,
        *,
        descending: bool,
        quality: QualityFlags = None,
        max_timestamps: int | None = None,
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        self._note(selection)
        return StoreName.POSTGRES, self._batches()

    def downsample(
        self, selection: Selection, downsampling: Downsampling, *, descending: bool, quality: QualityFlags = None
    ) -> tuple[StoreName, AsyncIterator[Batch]]:
        self._note(selection)
        return StoreName.POSTGRES, self._batches()

    async def latest(self, selection: Selection) -> LatestPoints:
        self._note(selection)
        return LatestPoints(NO_POINTS, StoreName.POSTGRES)

    async def aggregate(self, selection: Selection, query: AggregateQuery) -> AggregateTable:
        self._note(selection)
        self.query = query
        return AggregateTable((), StoreName.POSTGRES)

    async def series(self, device_ids: Sequence[int], *, count_points: bool = False) -> SeriesList:
        self._note(Selection(tuple(device_ids)))
        return SeriesList((), StoreName.POSTGRES)

    async def _batches(self) -> AsyncIterator[Batch]:
        for batch in self.batches:
            yield batch

    def _note(self, selection: Selection) -> None:
        self.selection = selection
        if self.failure is not None:
            raise self.failure


class Migration:
    """Stands in DUAL_WRITE, or raises ``failure`` when moved; counts how often it was looked at."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.epoch = 2
        self.looks = 0

    async def status(self) -> MigrationStatus:
        self.looks += 1
        return MigrationStatus(Phase.DUAL_WRITE, self.epoch, 0, (), (), (), (), (), None, "", None)

    async def advance(self, *, expected: Phase | None, changed_by: str, reason: str, force: bool) -> MigrationStatus:
        if self.failure is not None:
            raise self.failure
        return await self.status()

    roll_back = advance

    async def remove_instance(self, instance_id: str) -> MigrationStatus:
        return await self.advance(expected=None, changed_by="", reason="", force=False)


class Primary:
    """Answers pings unless it is away."""

    def __init__(self) -> None:
        self.is_away = False

    async def ping(self) -> None:
        if self.is_away:
            raise ConnectionError("away")


class NoJobs:
    """No job was ever started, and none can be done."""

    async def start(self, spec: JobSpec, pace: JobPace, created_by: str) -> Job:
        raise JobKindUnavailableError(spec.kind)

    async def plan(self, spec: JobSpec) -> JobPlan:
        raise JobKindUnavailableError(spec.kind)

    async def get(self, job_id: int) -> Job:
        raise UnknownJobError(job_id)

    async def list_jobs(
        self, kinds: Collection[JobKind], states: Collection[JobState], before: int | None, limit: int
    ) -> list[Job]:
        return []

    async def watch(self, job_id: int) -> AsyncIterator[Job]:
        yield await self.get(job_id)

    async def pause(self, job_id: int) -> Job:
        return await self.get(job_id)

    resume = cancel = pause

    async def set_pace(self, job_id: int, pace: JobPace) -> Job:
        return await self.get(job_id)

    async def findings(self, job_id: int, offset: int, limit: int) -> Sequence[RecordedFinding]:
        return []

    async def waive(self, job_id: int, code: str, subject: str, waived_by: str, reason: str) -> tuple[int, Job]:
        return 0, await self.get(job_id)


class NothingCompared:
    """Nothing was ever verified or found to differ."""

    async def report(self, job_id: int) -> tuple[str, str]:
        raise UnknownJobError(job_id)

    async def listed(self, before: int | None, limit: int) -> list[ShadowMismatch]:
        return []

    async def replay(self, number: int) -> str:
        raise UnknownMismatchError("there is none")


class Edge:
    """A running server on its parts, and a channel to it."""

    def __init__(self, inflight: int, **settings: Any) -> None:
        self.ingest = Ingest(inflight)
        self.registry = Registry()
        self.queries = Queries()
        self.migration = Migration()
        self.jobs = NoJobs()
        self.primary = Primary()
        self.metrics = Metrics()
        self.settings = Settings(**{"listen": "127.0.0.1:0", "metrics_listen": ""} | settings)
        self.server = TelemetryServer(
            self.settings,
            self.ingest,
            self.queries,
            self.registry,
            self.migration,
            self.jobs,
            Comparisons(NothingCompared(), NothingCompared(), NothingCompared()),
            self.metrics,
            ping_primary=self.primary.ping,
        )
        self.channel: grpc.aio.Channel

    @property
    def telemetry(self) -> TelemetryServiceAsyncStub:
        return cast("TelemetryServiceAsyncStub", TelemetryServiceStub(self.channel))

    @property
    def moves(self) -> MigrationServiceAsyncStub:
        return cast("MigrationServiceAsyncStub", MigrationServiceStub(self.channel))

    @property
    def access(self) -> AccessServiceAsyncStub:
        return cast("AccessServiceAsyncStub", AccessServiceStub(self.channel))


@asynccontextmanager
async def running(inflight: int = 1 << 30, **settings: Any) -> AsyncIterator[Edge]:
    """Run a server for the length of a test, and see that it leaves no task behind."""
    before = asyncio.all_tasks()
    edge = Edge(inflight, **settings)
    await edge.server.start()
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{edge.server.port}", options=options) as edge.channel:
        try:
            yield edge
        finally:
            edge.ingest.gate.set()
            await edge.server.stop(5)
            await asyncio.gather(*edge.ingest.under_way, return_exceptions=True)
    left = {task for task in asyncio.all_tasks() - before if not task.done() and "iotflow" in repr(task.get_coro())}
    assert left == set()


NO_POINTS = PointList(Points.of([]))
