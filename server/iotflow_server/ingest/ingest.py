"""The way in: limits, lanes and group commit, in front of the router."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from iotflow_server.ingest.budget import ByteBudget
from iotflow_server.ingest.committer import GroupCommitter
from iotflow_server.ingest.errors import DrainingError
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.router import Router
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection


class Ingest:
    """Takes writes and deletes; keeps the order of each device."""

    def __init__(self, router: Router, max_inflight_bytes: int) -> None:
        self._router = router
        self._committer = GroupCommitter(router.write)
        self._draining = False
        self._deletes: set[asyncio.Task[tuple[StoreName, ...]]] = set()
        #: What is taken but not yet stored; the edge reserves before it submits and releases after the answer.
        self.budget = ByteBudget(max_inflight_bytes)

    @property
    def time_precision_us(self) -> int:
        """Microseconds of one tick that both stores keep in the current phase."""
        return self._router.time_precision_us

    def start(self) -> None:
        """Begin to store what is written."""
        self._committer.start()

    async def stop(self) -> None:
        """Take nothing new, store what was taken."""
        self._draining = True
        while self._deletes:
            await asyncio.wait(set(self._deletes))
        await self._committer.stop()

    async def write(self, batches: Sequence[Batch], nbytes: int) -> WriteOutcome:
        """Store batches; durable on return, but for the outcome's refusals.

        :raises StoreUnavailableError: the primary did not take them.
        :raises DrainingError: the server is shutting down.
        """
        if self._draining:
            raise DrainingError
        if not batches:
            return WriteOutcome(self._router.write_targets)
        return await self._committer.submit(batches, nbytes)

    async def delete(self, device_id: int, selection: Selection) -> tuple[StoreName, ...]:
        """Delete points of one device, in order with its writes; return the stores they were deleted from.

        A caller that goes away does not stop it: half of it done would leave stores that differ.
        """
        if self._draining:
            raise DrainingError
        task = asyncio.create_task(self._delete(device_id, selection), name="delete")
        self._deletes.add(task)
        task.add_done_callback(self._deletes.discard)
        return await asyncio.shield(task)

    async def _delete(self, device_id: int, selection: Selection) -> tuple[StoreName, ...]:
        async with self._committer.lanes.holding(device_id):
            return await self._router.delete(selection)

    def holding(self, device_id: int) -> AbstractAsyncContextManager[None]:
        """Keep writes away from one device."""
        return self._committer.lanes.holding(device_id)

    def quiesced(self) -> AbstractAsyncContextManager[None]:
        """Keep all writes away; those under way are finished first."""
        return self._committer.lanes.quiesced()
