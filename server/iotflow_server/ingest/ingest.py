"""The way in: limits, lanes and group commit, in front of the router."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager

from iotflow_server.ingest.budget import ByteBudget
from iotflow_server.ingest.committer import GroupCommitter
from iotflow_server.ingest.errors import DrainingError
from iotflow_server.ingest.waiter import Waiter
from iotflow_server.ingest.writable import Writable
from iotflow_server.routing.fence import Fence
from iotflow_server.routing.outcome import WriteOutcome
from iotflow_server.routing.router import Router
from iotflow_server.stores.frame import Frame
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.stream_writer import StreamWriter


class Ingest:
    """Takes writes and deletes; keeps the order of each device."""

    def __init__(self, router: Router, fence: Fence, max_inflight_bytes: int) -> None:
        self._router = router
        self._fence = fence
        self._draining = False
        self._deletes: set[asyncio.Task[tuple[StoreName, ...]]] = set()
        #: What is taken but not yet stored; whoever writes reserves before.
        self.budget = ByteBudget(max_inflight_bytes)
        self._committer = GroupCommitter(self._write, lambda: router.time_precision_us, self.budget.release)

    def start(self) -> None:
        """Begin to store what is written."""
        self._committer.start()

    async def stop(self) -> None:
        """Take nothing new, store what was taken."""
        self._draining = True
        while self._deletes:
            await asyncio.wait(set(self._deletes))
        await self._committer.stop()
        # What comes after the end would be known to nobody.
        await self._router.settled()

    def write(self, writable: Writable, waiter: Waiter) -> None:
        """Begin to store what there was room for in the budget; the room is given back when that has ended.

        The waiter hears once all is durable but the outcome's refusals, or of StoreUnavailableError where the primary
        did not take it. A write that has begun is finished, whoever waits for it.

        :raises DrainingError: the server is shutting down.
        """
        if self._draining:
            self.budget.release(writable.nbytes)
            raise DrainingError
        self._committer.submit(writable, waiter)

    async def enter(self, writer: StreamWriter) -> None:
        """Begin a stream: from now on none that its writer has left behind overwrites points.

        :raises WriterSupersededError: a later stream of the writer has begun.
        :raises StoreUnavailableError: the other processes cannot be told.
        """
        await self._fence.enter(writer)

    def withdraw(self, writables: Collection[Writable]) -> None:
        """Give up those that nobody waits for any more; the room of those that no flush has begun is given back."""
        self._committer.withdraw(writables)

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

    async def _write(self, frame: Frame) -> WriteOutcome:
        async with self._fence.passing(frame.writers):
            return await self._router.write(frame)

    async def _delete(self, device_id: int, selection: Selection) -> tuple[StoreName, ...]:
        async with self._committer.lanes.holding(device_id):
            return await self._router.delete(selection)

    def quiesced(self) -> AbstractAsyncContextManager[None]:
        """Keep all writes away; those under way are finished first."""
        return self._committer.lanes.quiesced()
