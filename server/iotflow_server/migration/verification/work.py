"""The job that compares both stores, and puts right what it is allowed to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Final

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
from iotflow_server.migration.verification.told import Told
from iotflow_server.stores.digest import Digesting
from iotflow_server.stores.history import History, Part
from iotflow_server.stores.selection import TimeRange
from iotflow_server.stores.store import OwnerLookup

#: Points of one chunk; of one of a sample, which is to be taken from many places.
_CHUNK_POINTS: Final = 4 * BUCKET_POINTS
_SAMPLE_POINTS: Final = 20_000
_MOST_REPORTED: Final = 20


@dataclass(frozen=True, slots=True)
class Verifications:
    """What verifications are made with. ``pair`` tells both stores as the phase has them, None where it does not write
    both; ``lag`` in how many ranges the secondary is known to differ."""

    pair: Callable[[], Pair | None]
    digesting: Digesting
    history: History
    findings: VerificationFindings
    corrector: Corrector
    lag: Callable[[], int]
    owner_of: OwnerLookup
    patience_seconds: float
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
        """Yield ranges of devices."""
        pair = self._pair()
        await self._parts.findings.clear(self._control.job_id)
        chosen = Random(self._control.job_id)
        for device_id in await self._devices(pair):
            extent = await self._parts.history.extent(Part(device_id, self._scope.time_range))
            for time_range, points in _slices(self._scope.time_range, extent.span, extent.points, self._chunk_points):
                if chosen.random() < self._share:
                    payload = {"device_id": device_id, "start_us": time_range.start, "end_us": time_range.end}
                    yield Chunk(payload, points)

    async def run(self, chunk: Chunk) -> ChunkResult:
        """Compare a range of a device."""
        pair = self._pair()
        names = self._scope.measurements or None
        comparison = Comparison(pair, self._parts.history, self._parts.digesting, self._control, names)
        lossy = await self._lossy_series()
        device_id = int(chunk.payload["device_id"])
        time_range = TimeRange(chunk.payload["start_us"], chunk.payload["end_us"])
        told = Told(self._parts.findings.most_listed)
        async for bucket in comparison.buckets(device_id, time_range):
            outcomes = await self._judged(comparison, device_id, bucket, pair, lossy)
            told.add(bucket, outcomes)
            await self._slow_down(bucket.points)
            if self._pair().primary.name is not pair.primary.name:
                raise JobImpossibleError("the stores have changed their places: verify again")
        await self._parts.findings.put(
            self._control.job_id, told.part(device_id, time_range), told.differences, told.outcomes
        )
        return ChunkResult(told.points, tuple(told.failures()))

    async def finish(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return what was found."""
        job_id = self._control.job_id
        findings = self._parts.findings
        # The job carries the first few; all that are listed are in the report that is asked for.
        listed = (await findings.listed(job_id))[:_MOST_REPORTED]
        report = report_of(await findings.parts(job_id), listed)
        return {"scope": str(self._scope), "sample_share": self._share, **report}

    async def _judged(
        self, comparison: Comparison, device_id: int, bucket: Bucket, pair: Pair, lossy: LossySeries
    ) -> dict[Place, tuple[DifferenceKind, DifferenceOutcome]]:
        """What becomes of the differences that stay; those are all that is left in the bucket."""
        if not bucket.differences:
            return {}
        settling = Settling(comparison, self._parts.lag, self._parts.patience_seconds)
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

    async def _lossy_series(self) -> LossySeries:
        if self._lossy is None:
            self._lossy = LossySeries.of((await self._parts.history.inventory()).faults)
        return self._lossy

    def _pair(self) -> Pair:
        pair = self._parts.pair()
        if pair is None:
            raise JobImpossibleError("the phase does not write both stores any more")
        return pair

    @property
    def _chunk_points(self) -> int:
        return _CHUNK_POINTS if self._share == 1.0 else _SAMPLE_POINTS


def _outcome(place: Place, changed: Collection[Place], corrected: Collection[Place]) -> DifferenceOutcome:
    if place in changed:
        return DifferenceOutcome.CHANGED
    return DifferenceOutcome.CORRECTED if place in corrected else DifferenceOutcome.OPEN


def _slices(whole: TimeRange, span: TimeRange | None, points: int, most: int) -> Iterator[tuple[TimeRange, int]]:
    """Cut a range where its points lie, into parts of about ``most`` points; the outer ones reach to its ends."""
    count = -(-points // most) if span else 1
    if span is None or count < 2:
        yield whole, points
        return
    width = max((span.end - span.start) // count, 1)
    cuts = [whole.start, *(span.start + width * number for number in range(1, count)), whole.end]
    for start, end in pairwise(cuts):
        if start < end:
            yield TimeRange(start, end), points // count
