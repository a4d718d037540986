"""Carries messages to the ingest, and says what became of their points."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from iotflow.telemetry.v1.telemetry_service_pb2 import Rejection, RejectionReason
from iotflow_server.api.decoded import Decoded, DecodingRules
from iotflow_server.api.messages import WriteMessage
from iotflow_server.api.ports import IngestPort, RegistryPort
from iotflow_server.ingest.waiter import FutureWaiter, Waiter
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.refusal import Refusal, RefusalReason
from iotflow_server.stores.frame_builder import FrameBuilder
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.stream_writer import StreamWriter

#: What a message costs beside its points, so that empty ones are bounded too.
_MESSAGE_BYTES = 1024
#: The lane of messages of which nothing can be written.
_NO_DEVICE = frozenset((0,))
_NONE_CLOSED: Final[Mapping[int, str]] = {}


@dataclass(slots=True, eq=False)
class WriteResult:
    """What became of a message."""

    accepted_points: int
    rejections: Sequence[Rejection]
    stored_in: tuple[StoreName, ...]
    precision_us: int


class PendingWrite:
    """A message on its way; see :class:`ingest.writable.Writable`.

    ``closed`` are devices that may not be written, with what is wrong with them; ``writer`` is the stream it is of.
    """

    __slots__ = "_closed", "_decoded", "_kept", "_message", "_points", "_rules", "_writer", "devices", "nbytes", "size"

    def __init__(
        self, message: WriteMessage, rules: DecodingRules, closed: Mapping[int, str], writer: StreamWriter | None
    ) -> None:
        self._message = message
        self._writer = writer
        self._rules = rules
        self._closed = closed
        self._decoded: Decoded | None = None
        self._kept: Sequence[int] = ()
        self._points = 0
        self.devices = (message.devices - closed.keys() if closed else message.devices) or _NO_DEVICE
        self.size = message.nbytes
        self.nbytes = _MESSAGE_BYTES + message.nbytes

    def add_to(self, frame: FrameBuilder, precision_us: int) -> None:
        """Add the batches that may be written."""
        if self._writer is not None:
            frame.writers.add(self._writer)
        if precision_us != self._rules.precision_us:
            self._rules = replace(self._rules, precision_us=precision_us)
        points = None if self._closed else self._message.add_plain(frame, self._rules)
        if points is not None:
            self._points = points
            return
        decoded = self._decode()
        for index in self._kept:
            frame.add_batch(decoded.batches[index])

    def plain_points(self, outcome: WriteOutcome) -> int | None:
        """How many points were written, if nothing was refused; None: see :meth:`result`."""
        return self._points if self._decoded is None and not outcome.refusals else None

    def result(self, outcome: WriteOutcome) -> WriteResult:
        """Translate the outcome of writing the batches."""
        points = self.plain_points(outcome)
        if points is not None:
            return WriteResult(points, (), outcome.stored_in if points else (), outcome.precision_us)
        decoded = self._decoded or self._decode()
        late = [
            rejection
            for refusal in (*self._refused(decoded), *map(self._as_decoded, outcome.refusals))
            for rejection in decoded.rejections_of(refusal)
        ]
        accepted = decoded.points - sum(rejection.point_count for rejection in late)
        stored_in = outcome.stored_in if accepted else ()
        return WriteResult(accepted, (*decoded.rejections, *late), stored_in, outcome.precision_us)

    def _decode(self) -> Decoded:
        decoded = self._decoded = self._message.decode(self._rules)
        self._kept = [index for index, batch in enumerate(decoded.batches) if batch.device_id not in self._closed]
        return decoded

    def _refused(self, decoded: Decoded) -> Iterator[Refusal]:
        for index, batch in enumerate(decoded.batches):
            if batch.device_id in self._closed:
                yield Refusal(index, RefusalReason.UNKNOWN_DEVICE, self._closed[batch.device_id])

    def _as_decoded(self, refusal: Refusal) -> Refusal:
        return replace(refusal, batch=self._kept[refusal.batch])


class Writes:
    """Hands messages to the ingest. A write whose flush has begun is finished even when its caller goes away."""

    def __init__(self, ingest: IngestPort, registry: RegistryPort, metrics: Metrics, rules: DecodingRules) -> None:
        self._ingest = ingest
        self._registry = registry
        self._metrics = metrics
        self._rules = rules

    async def enter(self, writer: StreamWriter) -> None:
        """Begin the stream of a writer.

        :raises WriterSupersededError: a later stream of the writer has begun.
        :raises StoreUnavailableError: it cannot be told to the other processes.
        """
        await self._ingest.enter(writer)

    def prepared(self, message: WriteMessage, writer: StreamWriter | None = None) -> PendingWrite | None:
        """The write of a message all of whose devices are known; None: see :meth:`prepare`."""
        knows = self._registry.knows
        for device_id in message.devices:
            if not knows(device_id):
                return None
        return PendingWrite(message, self._rules.as_of_now(), _NONE_CLOSED, writer)

    async def prepare(self, message: WriteMessage, writer: StreamWriter | None = None) -> PendingWrite:
        """Register unknown devices, and refuse those that may not register.

        :raises StoreUnavailableError: the registry cannot be reached and the phase needs it.
        """
        unknown = [device_id for device_id in message.devices if not self._registry.knows(device_id)]
        rules = self._rules.as_of_now()
        closed = await self._closed(message, rules, unknown) if unknown else _NONE_CLOSED
        return PendingWrite(message, rules, closed, writer)

    async def write(self, pending: PendingWrite) -> WriteResult:
        """Write now, or raise.

        :raises OverloadedError: too much is under way.
        :raises StoreUnavailableError: nothing is acknowledged; the same write again is harmless.
        """
        self._ingest.budget.reserve_now(pending.nbytes)
        waiter = FutureWaiter()
        self._ingest.write(pending, waiter)
        return self.result(pending, await waiter.future)

    def begun(self, pending: PendingWrite, waiter: Waiter) -> bool:
        """Begin to write if there is room; whether that is so. Writes begun one after another keep that order."""
        if not self._ingest.budget.reserved(pending.nbytes):
            return False
        self._ingest.write(pending, waiter)
        return True

    async def begin(self, pending: PendingWrite, waiter: Waiter) -> None:
        """Wait for room, then begin to write."""
        await self._ingest.budget.reserve(pending.nbytes)
        self._ingest.write(pending, waiter)

    def withdraw(self, pending: Collection[PendingWrite]) -> None:
        """Give up writes that nobody waits for any more, as far as no flush of them has begun."""
        self._ingest.withdraw(pending)

    def result(self, pending: PendingWrite, outcome: WriteOutcome) -> WriteResult:
        """Say what became of a write, and count it."""
        result = pending.result(outcome)
        self.count(result.accepted_points)
        for rejection in result.rejections:
            word = RejectionReason.Name(rejection.reason).removeprefix("REJECTION_REASON_").lower()
            self._metrics.points_rejected(word, rejection.point_count)
        return result

    def count(self, points: int) -> None:
        """Count points of writes of which nothing was refused."""
        self._metrics.points_written(points)

    async def _closed(self, message: WriteMessage, rules: DecodingRules, unknown: Sequence[int]) -> dict[int, str]:
        owners = message.decode(rules).owners
        users = {device_id: owners[device_id] for device_id in unknown if device_id in owners}
        nonsense = {device_id for device_id, user_id in users.items() if user_id < 0}
        closed = await self._registry.register_unknown({d: u for d, u in users.items() if d not in nonsense})
        faults = dict.fromkeys(closed, "the device is not registered, and registration by a first write is closed")
        return faults | dict.fromkeys(nonsense, "the device is not registered, and a user_id must not be negative")
