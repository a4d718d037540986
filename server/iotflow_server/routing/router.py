"""Asks the phase and picks stores: the only place that decides which store is written or read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from iotflow_server.routing.admission import admit
from iotflow_server.routing.dirty import DirtyLog, DirtyRange, ranges_of, ranges_selected
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.phase import Phase
from iotflow_server.routing.refusal import Refusal
from iotflow_server.routing.secondary import Secondary
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import SeriesType, TelemetryStore


class Router:
    """Sends each call to the stores of the current phase.

    Whoever sets :attr:`phase` sees to it that no write is under way (``Ingest.quiesced``). Reads need no such
    care: one that began before holds on to a store that has all that was acknowledged by then.
    """

    def __init__(
        self, phase: Phase, stores: Mapping[StoreName, TelemetryStore], dirty: DirtyLog, patience_seconds: float
    ) -> None:
        self.phase = phase
        self._stores = stores
        self._dirty = dirty
        self._secondaries = {name: Secondary(store, patience_seconds) for name, store in stores.items()}

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

    async def write(self, batches: Sequence[Batch]) -> WriteOutcome:
        """Write batches to the stores of the phase, both at once.

        On return every point but the refused is durable in the primary, and in the secondary too or recorded
        as dirty.

        :raises StoreUnavailableError: the primary did not take them.
        :raises StoreRefusedError: the primary refuses them.
        """
        admitted, refusals = await self._admit(batches)
        if not admitted:
            return WriteOutcome(self.write_targets, refusals, self.time_precision_us)
        frame = Frame.of(admitted).resolved()
        stored_in = await self._both(lambda store: store.write(frame), lambda: ranges_of(frame))
        return WriteOutcome(stored_in, refusals, self.time_precision_us)

    async def delete(self, selection: Selection) -> tuple[StoreName, ...]:
        """Delete from the stores of the phase; return those that have done it."""
        return await self._both(lambda store: store.delete(selection), lambda: ranges_selected(selection))

    async def _both(
        self, call: Callable[[TelemetryStore], Awaitable[None]], ranges: Callable[[], list[DirtyRange]]
    ) -> tuple[StoreName, ...]:
        primary, secondary = self.primary(), self.secondary()
        if secondary is None:
            await call(primary)
            return (primary.name,)
        beside = secondary.begin(call)
        try:
            await call(primary)
        except BaseException:
            # The secondary may have what the primary has not.
            await self._dirty.add(secondary.store.name, ranges())
            await secondary.settle(beside)
            raise
        if await secondary.settle(beside):
            return (primary.name, secondary.store.name)
        await self._dirty.add(secondary.store.name, ranges())
        return (primary.name,)

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


def _types_beyond(batch: Batch, types: Mapping[str, SeriesType]) -> dict[str, SeriesType]:
    return {column.name: SeriesType(column.kind) for column in batch.columns if column.name not in types}
