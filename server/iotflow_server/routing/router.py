"""Asks the phase and picks stores: the only place that decides which store is written or read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from typing import Final, Protocol

from iotflow_server.routing.admission import admit
from iotflow_server.routing.company import Company
from iotflow_server.routing.dirty import DirtyLog, DirtyRange, ranges_of, ranges_selected, ranges_within
from iotflow_server.routing.in_flight import InFlight, Spans
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.refusal import Refusal
from iotflow_server.routing.secondary import Secondary
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.errors import StoreError, StoreUnavailableError
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.permission import Permission
from iotflow_server.stores.selection import Selection, TimeRange
from iotflow_server.stores.store import YOUNG_SECONDS, SeriesType, TelemetryStore

#: Longest wait of a delete for copies of its device to end. Where they do not, its range is repaired afterwards; that
#: does not take away what was filled into the primary meanwhile, after a forced transition.
_LOCK_SECONDS: Final = 1.0
#: A write that takes longer notes all of its own: who writes the same points may find them young no more, and may have
#: been repaired already.
SLOW_SECONDS: Final = YOUNG_SECONDS / 2

#: Changes a store, once that is permitted.
_Change = Callable[[TelemetryStore, Permission | None], Awaitable[None]]


class DeleteLocks(Protocol):
    """Keeps copies away from what is deleted."""

    def deleting(self, device_id: int) -> AbstractAsyncContextManager[None]:
        """Within the block no copy into PostgreSQL, or into the primary, runs on the device.

        May raise StoreUnavailableError.
        """


class Router:
    """Sends each call to the stores of the current phase.

    Whoever sets :attr:`stance` sees to it that no write is under way (``Ingest.quiesced``). Reads need no such
    care: one that began before holds on to a store that has all that was acknowledged by then.
    """

    def __init__(
        self,
        stance: Stance,
        stores: Mapping[StoreName, TelemetryStore],
        dirty: DirtyLog,
        locks: DeleteLocks,
        in_flight: InFlight,
        patience_seconds: float,
    ) -> None:
        self.stance = stance
        self._company, self._company_since = Company.STRANGERS, time.monotonic()
        self._is_primary_well = True
        self._locks = locks
        self._stores = stores
        self._dirty = dirty
        self._in_flight = in_flight
        self._secondaries = {name: Secondary(store, patience_seconds) for name, store in stores.items()}

    @property
    def phase(self) -> Phase:
        """The phase by which calls are sent."""
        return self.stance.phase

    @property
    def company(self) -> Company:
        """Who else writes to the stores."""
        return self._company

    @company.setter
    def company(self, company: Company) -> None:
        if company is not self._company:
            self._company, self._company_since = company, time.monotonic()

    @property
    def is_long_alone(self) -> bool:
        """Whether what was written here beside others has ended, or is so slow that it notes itself."""
        return self._company is Company.NOBODY and _is_slow(self._company_since)

    @property
    def time_precision_us(self) -> int:
        """Microseconds of one tick that every store of the deployment keeps."""
        return 1000 if self.phase.keeps_iotdb else 1

    @property
    def write_targets(self) -> tuple[StoreName, ...]:
        """The stores that the phase writes, the primary first."""
        secondary = self.phase.secondary
        return (self.phase.primary,) if secondary is None else (self.phase.primary, secondary)

    def primary(self) -> TelemetryStore:
        """The store that reads come from now."""
        return self._stores[self.phase.primary]

    def secondary(self) -> Secondary | None:
        """The store that is written beside the primary, if the phase has one."""
        name = self.phase.secondary
        return None if name is None else self._secondaries[name]

    async def settled(self) -> None:
        """Return once nothing that was given up on is under way any more, and what it may have left is noted."""
        for secondary in self._secondaries.values():
            await secondary.stragglers_ended()

    async def write(self, batches: Sequence[Batch]) -> WriteOutcome:
        """Write batches to the stores of the phase, the primary first.

        On return every point but the refused is durable in the primary, and in the secondary too or recorded
        as dirty.

        :raises StoreUnavailableError: the primary did not take them.
        :raises StoreRefusedError: the primary refuses them.
        """
        admitted, refusals = await self._admit(batches)
        if not admitted:
            return WriteOutcome(self.write_targets, refusals, self.time_precision_us)
        frame = Frame.of(admitted).resolved()
        contested: dict[int, TimeRange] = {}
        company, begin = self.company, time.monotonic()
        is_watched = self.secondary() is not None and company is not Company.NOBODY

        async def write(store: TelemetryStore, permission: Permission | None) -> None:
            if permission is not None and not self._is_primary_well:
                # It would be undone again and again.
                await permission.wait()
            contested.update(await store.write(frame, permission, tells_young=is_watched))

        async with self._marked(lambda: self._in_flight.writing(Spans.of(frame))):
            stored_in = await self._both(write, lambda: ranges_of(frame))
            if len(stored_in) > 1 and not self._was_alone(company, begin):
                is_known = company is Company.OTHERS and is_watched and not _is_slow(begin)
                await self._note_crossing(ranges_within(frame, contested) if is_known else ranges_of(frame), company)
        return WriteOutcome(stored_in, refusals, self.time_precision_us)

    async def delete(self, selection: Selection) -> tuple[StoreName, ...]:
        """Delete from the stores of the phase; return those that have done it."""
        ranges, company, begin = ranges_selected(selection), self.company, time.monotonic()

        async def delete(store: TelemetryStore, permission: Permission | None) -> None:
            if permission is not None:
                await permission.wait()
            await store.delete(selection)

        async with (
            self._noted_for_the_way_back(ranges),
            self._marked(lambda: self._in_flight.deleting(ranges)),
            self._keep_copies_away(selection) as is_safe,
        ):
            stored_in = await self._both(delete, lambda: ranges)
            if not (is_safe and self._was_alone(company, begin)):
                # A copy, or a write through another instance, may come between both deletes.
                await self._note_crossing(ranges, company)
        return stored_in

    @asynccontextmanager
    async def _noted_for_the_way_back(self, ranges: list[DirtyRange]) -> AsyncIterator[None]:
        """Before the block, lest it be lost in between, and after it: an instance that has not heard yet that the store
        is only kept may have compared it meanwhile."""
        await self._note_forgone(ranges)
        try:
            yield
        finally:
            await self._note_forgone(ranges)

    async def _note_forgone(self, ranges: list[DirtyRange]) -> None:
        if self.stance.forgoes is not None:
            await self._dirty.add(self.stance.forgoes, ranges)

    def _was_alone(self, company: Company, begin: float) -> bool:
        """Whether nobody can have written beside what began at a time of ``time.monotonic``, in some company.

        Others may have been there at its begin alone: who has ended in good order goes at once. And of who has come
        a process that was frozen meanwhile has not heard yet.
        """
        return company is self.company is Company.NOBODY and not _is_slow(begin)

    def _marked(self, marked: Callable[[], AbstractAsyncContextManager[None]]) -> AbstractAsyncContextManager[None]:
        """Let what is about to be done be known after a crash, where that could leave it in one store alone."""
        return nullcontext() if self.secondary() is None else marked()

    async def _both(self, call: _Change, ranges: Callable[[], list[DirtyRange]]) -> tuple[StoreName, ...]:
        primary, secondary = self.primary(), self.secondary()
        if secondary is None:
            if self.stance.remembers:
                # Before it is written: what is lost between the two would be lost for good.
                await self._note_doubt(ranges())
            await call(primary, None)
            return (primary.name,)
        # Not before: a copy that finds a point in the secondary alone takes it for one that was deleted.
        permission = Permission()
        beside = secondary.begin(lambda store: call(store, permission))
        try:
            await call(primary, None)
        except BaseException:
            self._is_primary_well = False
            permission.refuse()
            secondary.abandon(beside)
            # It may have a part.
            await self._note_doubt(ranges())
            raise
        self._is_primary_well = True
        permission.give()
        if await self._settle(secondary, beside, ranges):
            return (primary.name, secondary.store.name)
        await self._note_doubt(ranges())
        if self.stance.needs_both:
            raise StoreUnavailableError(secondary.store.name, f"{secondary.last_error}; now both stores must have it")
        return (primary.name,)

    async def _settle(
        self, secondary: Secondary, beside: asyncio.Task[None] | None, ranges: Callable[[], list[DirtyRange]]
    ) -> bool:
        # What was given up on could come through when the two have changed places.
        if await secondary.settle(beside, is_patient=self.stance.needs_both):
            return True
        if beside is not None and not beside.done():
            secondary.when_ended(beside, lambda: self._note_doubt(ranges()))
        return False

    async def _note_crossing(self, ranges: list[DirtyRange], company: Company) -> None:
        """Note that others may have written the same points meanwhile, in another order to each store."""
        if ranges and self.stance.doubtful is not None:
            # Who believes to be alone would compare it before its own half has come.
            is_own = self.stance.is_turning or company is Company.STRANGERS
            await self._dirty.add_exactly(self.stance.doubtful, ranges, is_own=is_own)

    async def _note_doubt(self, ranges: list[DirtyRange]) -> None:
        if self.stance.doubtful is not None:
            await self._dirty.add(self.stance.doubtful, ranges, is_own=self.stance.is_turning)

    @asynccontextmanager
    async def _keep_copies_away(self, selection: Selection) -> AsyncIterator[bool]:
        """Whether no copy into PostgreSQL, or into the primary, runs beside the block. Trouble with that never stops a
        delete."""
        secondary = self.secondary()
        if secondary is None:
            yield True
            return
        async with AsyncExitStack() as stack:
            is_safe = False
            if secondary.store.name is StoreName.IOTDB or secondary.is_well:
                with suppress(TimeoutError, StoreError):
                    async with asyncio.timeout(_LOCK_SECONDS):
                        for device_id in sorted(selection.device_ids):
                            await stack.enter_async_context(self._locks.deleting(device_id))
                        is_safe = True
            yield is_safe

    async def _admit(self, batches: Sequence[Batch]) -> tuple[Sequence[Batch], tuple[Refusal, ...]]:
        if not self.phase.writes_to(StoreName.IOTDB):
            return batches, ()
        admitted: list[Batch] = []
        refusals: list[Refusal] = []
        types = await self._types_of({batch.device_id for batch in batches})
        for index, batch in enumerate(batches):
            known = types[batch.device_id]
            result = admit(index, batch, known)
            refusals += result.refusals
            if result.batch is not None:
                admitted.append(result.batch)
                known.update(_types_beyond(result.batch, known))
        return admitted, tuple(refusals)

    async def _types_of(self, device_ids: Collection[int]) -> dict[int, dict[str, SeriesType]]:
        found = await asyncio.gather(*map(self._series_types, device_ids))
        return {device_id: dict(types) for device_id, types in zip(device_ids, found, strict=True)}

    async def _series_types(self, device_id: int) -> Mapping[str, SeriesType]:
        """IoTDB's own types, or while it is away as secondary those that PostgreSQL has seen."""
        secondary = self.secondary()
        if secondary is None or secondary.store.name is not StoreName.IOTDB:
            return await self._stores[StoreName.IOTDB].series_types(device_id)
        types = await secondary.ask(lambda store: store.series_types(device_id))
        return await self.primary().series_types(device_id) if types is None else types


def _is_slow(begin: float) -> bool:
    return time.monotonic() - begin > SLOW_SECONDS


def _types_beyond(batch: Batch, types: Mapping[str, SeriesType]) -> dict[str, SeriesType]:
    return {column.name: SeriesType(column.kind) for column in batch.columns if column.name not in types}
