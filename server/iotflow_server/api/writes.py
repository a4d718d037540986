"""Carries decoded messages to the ingest, and says what became of their points."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection, RejectionReason
from iotflow_server.api.decoded import Decoded
from iotflow_server.api.ports import IngestPort, RegistryPort
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.name import StoreName

#: What a message costs beside its points, so that empty ones are bounded too.
_MESSAGE_BYTES = 1024


@dataclass(frozen=True, slots=True, eq=False)
class WriteResult:
    """What became of a message."""

    accepted_points: int
    rejections: Sequence[Rejection]
    stored_in: tuple[StoreName, ...]


class PendingWrite:
    """A message on its way: which batches may be written, and what its refusals mean to the client."""

    def __init__(self, decoded: Decoded, kept: Sequence[int], refused: Sequence[Refusal]) -> None:
        self._decoded = decoded
        self._kept = kept
        self._refused = refused
        self.batches: list[Batch] = [decoded.batches[index] for index in kept]
        self.nbytes = _MESSAGE_BYTES + sum(batch.nbytes for batch in self.batches)

    def result(self, outcome: WriteOutcome) -> WriteResult:
        """Translate the outcome of writing the batches."""
        late = list(self._rejections((*self._refused, *map(self._as_decoded, outcome.refusals))))
        accepted = self._decoded.points - sum(rejection.point_count for rejection in late)
        stored_in = outcome.stored_in if accepted else ()
        return WriteResult(accepted, (*self._decoded.rejections, *late), stored_in)

    def _rejections(self, refusals: Sequence[Refusal]) -> Iterator[Rejection]:
        for refusal in refusals:
            yield from self._decoded.rejections_of(refusal)

    def _as_decoded(self, refusal: Refusal) -> Refusal:
        return replace(refusal, batch=self._kept[refusal.batch])


class Writes:
    """Hands messages to the ingest.

    A write that has begun is finished even when its caller goes away, and its room in the budget is given back
    only then: what waits for the store holds memory, whoever asked for it.
    """

    def __init__(self, ingest: IngestPort, registry: RegistryPort, metrics: Metrics) -> None:
        self._ingest = ingest
        self._registry = registry
        self._metrics = metrics
        self._under_way: set[asyncio.Task[WriteResult]] = set()

    async def prepare(self, decoded: Decoded) -> PendingWrite:
        """Register unknown devices, and refuse those that may not register.

        :raises StoreUnavailableError: the registry cannot be reached and the phase needs it.
        """
        unknown = {device: user for device, user in decoded.owners.items() if not self._registry.knows(device)}
        if not unknown:
            return PendingWrite(decoded, range(len(decoded.batches)), ())
        nonsense = {device for device, user in unknown.items() if user < 0}
        closed = await self._registry.register_unknown({d: u for d, u in unknown.items() if d not in nonsense})
        faults = dict.fromkeys(closed, "the device is not registered, and registration by a first write is closed")
        faults |= dict.fromkeys(nonsense, "the device is not registered, and a user_id must not be negative")
        refused = [
            Refusal(index, RefusalReason.UNKNOWN_DEVICE, faults[batch.device_id])
            for index, batch in enumerate(decoded.batches)
            if batch.device_id in faults
        ]
        kept = [index for index, batch in enumerate(decoded.batches) if batch.device_id not in faults]
        return PendingWrite(decoded, kept, refused)

    async def write(self, pending: PendingWrite) -> WriteResult:
        """Write now, or raise.

        :raises OverloadedError: too much is under way.
        :raises StoreUnavailableError: nothing is acknowledged; the same write again is harmless.
        """
        self._ingest.budget.reserve_now(pending.nbytes)
        return await finished(self._begin(pending))

    async def begin(self, pending: PendingWrite) -> asyncio.Task[WriteResult]:
        """Wait for room, then begin to write. Writes begun one after another keep that order."""
        await self._ingest.budget.reserve(pending.nbytes)
        return self._begin(pending)

    async def settle(self) -> None:
        """Return once nothing is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    def _begin(self, pending: PendingWrite) -> asyncio.Task[WriteResult]:
        task = asyncio.create_task(self._run(pending), name="write")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _run(self, pending: PendingWrite) -> WriteResult:
        try:
            if not pending.batches:
                return self._counted(pending.result(WriteOutcome(())))
            return self._counted(pending.result(await self._ingest.write(pending.batches, pending.nbytes)))
        finally:
            self._ingest.budget.release(pending.nbytes)

    def _ended(self, task: asyncio.Task[WriteResult]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Its caller may have gone: then nobody else fetches it.
            task.exception()

    def _counted(self, result: WriteResult) -> WriteResult:
        self._metrics.points_written(result.accepted_points)
        for rejection in result.rejections:
            word = RejectionReason.Name(rejection.reason).removeprefix("REJECTION_REASON_").lower()
            self._metrics.points_rejected(word, rejection.point_count)
        return result


async def finished(task: asyncio.Task[WriteResult]) -> WriteResult:
    """The result of a write; being cancelled here does not cancel it."""
    await asyncio.wait({task})
    return task.result()
