"""The job that compares both stores, and puts right what it is allowed to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Final

from iotflow_server.migration.backfill.planner import Counted, chunk_of, gathered, parts_of
from iotflow_server.migration.catch_up import CatchUp
from iotflow_server.migration.copy_gate import CopyGate
from iotflow_server.migration.jobs.pacing import PointLimit
from iotflow_server.migration.jobs.spec import JobKind, JobSpec
from iotflow_server.migration.jobs.work import Chunk, ChunkResult, JobControl, JobImpossibleError, Outcome
from iotflow_server.migration.verification.comparing import BUCKET_POINTS, Bucket, Comparison, Pair
from iotflow_server.migration.verification.correcting import Corrector
from iotflow_server.migration.verification.differences import DifferenceKind, Differences, Place
from iotflow_server.migration.verification.findings import DifferenceOutcome, VerificationFindings
from iotflow_server.migration.verification.lossy import LossySeries
from iotflow_server.migration.verification.report import report_of
from iotflow_server.migration.verification.settling import Settling
from iotflow_server.migration.verification.slicing import slices
from iotflow_server.migration.verification.told import Told
from iotflow_server.stores.closing import closing
from iotflow_server.stores.digest import Digesting
from iotflow_server.stores.history import History, Part
from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import OwnerLookup

#: Points of one slice; of one of a sample, which is to be taken from many places; of small ones done together.
_CHUNK_POINTS: Final = 4 * BUCKET_POINTS
_SAMPLE_POINTS: Final = 20_000
_GATHERED_POINTS: Final = BUCKET_POINTS // 2
#: Devices counted at once.
_DEVICES_AT_ONCE: Final = 4
_MOST_REPORTED: Final = 20


@dataclass(frozen=True, slots=True)
class Verifications:
    """What verifications are made with. ``pair`` tells both stores as the phase has them, None where it does not write
    both."""

    pair: Callable[[], Pair | None]
    digesting: Digesting
    history: History
    findings: VerificationFindings
    corrector: Corrector
    copies: CopyGate
    catch_up: CatchUp
    owner_of: OwnerLookup
    continuous_points_per_second: int

    def __call__(self, spec: JobSpec, control: JobControl) -> Verification:
        """The work of one run."""
        return Verification(self, spec, control)

    def objection(self, spec: JobSpec) -> str:
        """Why a verification makes no sense now; empty where it does."""
        return "" if self.pair() else "the phase does not write both stores: they are not meant to be alike"


class Verification:
    """Implements migration.jobs.work.Work, for verifications and for repairs, which are allowed to correct."""

    def __init__(self, parts: Verifications, spec: JobSpec, control: JobControl) -> None:
        self._parts = parts
        self._scope = spec.scope
        self._share: float = spec.options.get("sample_share", 1.0)
        allowed = "kinds" if spec.kind is JobKind.REPAIR else "autocorrect"
        self._allowed = frozenset(map(DifferenceKind, spec.options.get(allowed, ())))
        self._control = control
        self._limit = PointLimit()
        self._limit.rate = parts.continuous_points_per_second if spec.continuous else None
        self._lossy: LossySeries | None = None

    async def plan(self) -> AsyncIterator[Chunk]:
        """Yield chunks of many small devices, or of a range of a large one."""
        pair = self._pair()
        await self._parts.findings.clear(self._control.job_id)
        chosen = Random(self._control.job_id)
        waiting: list[Counted] = []
        async for counted in self._counted(await self._devices(pair)):
            if chosen.random() < self._share:
                *full, waiting = gathered([*waiting, counted], _GATHERED_POINTS)
                for parts in full:
                    yield chunk_of(parts)
        if waiting:
            yield chunk_of(waiting)

    async def run(self, chunk: Chunk) -> ChunkResult:
        """Compare ranges of devices."""
        pair = self._pair()
        names = self._scope.measurements or None
        comparison = Comparison(pair, self._parts.history, self._parts.digesting, self._control, names)
        lossy = await self._lossy_series()
        told = {part: Told(part, self._parts.findings.most_listed) for part in parts_of(chunk)}
        async with closing(comparison.buckets(told)) as buckets:
            async for bucket in buckets:
                told[bucket.part].add(bucket, await self._judged(comparison, bucket, pair, lossy))
                await self._slow_down(bucket.points)
                self._check_places(pair)
        await self._parts.findings.put(self._control.job_id, [one.found() for one in told.values()])
        failures = tuple(failure for one in told.values() for failure in one.failures())
        return ChunkResult(sum(one.points for one in told.values()), failures)

    async def finish(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return what was found."""
        job_id = self._control.job_id
        findings = self._parts.findings
        # The job carries the first few; all that are listed are in the report that is asked for.
        listed = (await findings.listed(job_id))[:_MOST_REPORTED]
        report = report_of(await findings.parts(job_id), listed)
        return {"scope": str(self._scope), "sample_share": self._share, **report}

    async def _judged(
        self, comparison: Comparison, bucket: Bucket, pair: Pair, lossy: LossySeries
    ) -> dict[Place, tuple[DifferenceKind, DifferenceOutcome]]:
        """What becomes of the differences that stay; those are all that is left in the bucket."""
        if not bucket.differences:
            return {}
        device_id = bucket.part.device_id
        settling = Settling(comparison, self._parts.catch_up)
        with self._control.waiting("writes under way, to tell differences from them"):
            stay = await settling.settled(device_id, bucket.differences)
        bucket.differences.clear()
        bucket.differences.update(stay)
        changed = {place for place, one in stay.items() if lossy.explains(place, one, pair)}
        wrong = {place: one for place, one in stay.items() if one.kind in self._allowed and place not in changed}
        corrected = await self._corrected(comparison, device_id, wrong, pair) if wrong else set()
        return {place: (one.kind, _outcome(place, changed, corrected)) for place, one in stay.items()}

    async def _corrected(
        self, comparison: Comparison, device_id: int, wrong: Differences, pair: Pair
    ) -> Collection[Place]:
        """Put points right; return those that are."""
        async with self._parts.copies.copying():
            # To tell that they differ took seconds.
            self._check_places(pair)
            await self._parts.corrector.correct(pair, device_id, wrong)
        span = TimeRange(min(place.timestamp for place in wrong), max(place.timestamp for place in wrong) + 1)
        left, _ = await comparison.differences(device_id, {place.measurement for place in wrong}, span)
        return {place for place, one in wrong.items() if left.get(place) != one}

    async def _slow_down(self, points: int) -> None:
        self._limit.take(points)
        if seconds := self._limit.seconds_to_wait:
            with self._control.waiting("its own slow pace: it is a continuous one"):
                await asyncio.sleep(seconds)

    async def _devices(self, pair: Pair) -> list[int]:
        listed = [*await pair.primary.list_devices(), *await pair.secondary.list_devices()]
        wanted, user = frozenset(self._scope.devices), self._scope.user_id
        return [
            device
            for device in sorted({device for device, _ in listed})
            if (not wanted or device in wanted) and (not user or self._parts.owner_of(device) == user)
        ]

    async def _counted(self, devices: Sequence[int]) -> AsyncIterator[Counted]:
        measurements = self._scope.measurements or None
        waiting = (Part(device, self._scope.time_range, measurements) for device in devices)
        while some := list(islice(waiting, _DEVICES_AT_ONCE)):
            extents = await asyncio.gather(*map(self._parts.history.extent, some))
            for part, extent in zip(some, extents, strict=True):
                for counted in slices(part, extent, self._chunk_points):
                    yield counted

    async def _lossy_series(self) -> LossySeries:
        if self._lossy is None:
            self._lossy = LossySeries.of((await self._parts.history.inventory()).faults)
        return self._lossy

    def _pair(self) -> Pair:
        pair = self._parts.pair()
        if pair is None:
            raise JobImpossibleError("the phase does not write both stores any more")
        return pair

    def _check_places(self, pair: Pair) -> None:
        if self._pair().primary.name is not pair.primary.name:
            raise JobImpossibleError("the stores have changed their places: verify again")

    @property
    def _chunk_points(self) -> int:
        return _CHUNK_POINTS if self._share == 1.0 else _SAMPLE_POINTS


def _outcome(place: Place, changed: Collection[Place], corrected: Collection[Place]) -> DifferenceOutcome:
    if place in changed:
        return DifferenceOutcome.CHANGED
    return DifferenceOutcome.CORRECTED if place in corrected else DifferenceOutcome.OPEN
