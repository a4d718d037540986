"""Does to a spool's file what the backlog asks for, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, TypeVar

from iotflow.telemetry._backlog import Backlog
from iotflow.telemetry._errors import SpoolError
from iotflow.telemetry._spool import Spool
from iotflow.telemetry._writer_identity import WriterIdentity

#: Payload that is read back at a time.
PAGE_BYTES: Final = 1 << 20

Result = TypeVar("Result")


class Keeper:
    """An open spool and the backlog over it. All that touches the file goes one after another."""

    def __init__(self, spool: Spool, thread: ThreadPoolExecutor, head_bytes: int, *, is_durable: bool) -> None:
        self._spool = spool
        self._thread = thread
        self._is_durable = is_durable
        self._turn = asyncio.Lock()
        self.backlog = Backlog(spool.contents, head_bytes, is_durable=is_durable)
        #: Why the file cannot be written at the moment.
        self.error: SpoolError | None = None

    @classmethod
    async def open(cls, path: Path, max_bytes: int, head_bytes: int, *, is_durable: bool) -> Self:
        """Open a spool.

        :raises SpoolError: it cannot be.
        """
        thread = ThreadPoolExecutor(1, "gateway-spool")
        try:
            opening = thread.submit(Spool.open, path, max_bytes, is_durable=is_durable)
            return cls(await asyncio.wrap_future(opening), thread, head_bytes, is_durable=is_durable)
        except BaseException:
            thread.shutdown(wait=False)
            raise

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged file was moved."""
        return self._spool.set_aside

    async def save(self) -> None:
        """Do all that has to be done to the file.

        :raises SpoolError: it could not be. What a durable spool was to keep is given up then.
        """
        async with self._turn:
            while self.backlog.has_commit:
                await self._commit()

    async def load(self) -> None:
        """Read the next entries that are only on disk, if the head is still empty.

        :raises SpoolError: they could not be read.
        """
        async with self._turn:
            if self.backlog.has_unloaded and not self.backlog.head_payload:
                page = await self._run(lambda: self._spool.page(self.backlog.loaded_through, PAGE_BYTES))
                self.backlog.load(page)

    async def begin_stream(self) -> WriterIdentity:
        """Who writes the next stream; whatever becomes of this process, no later one writes it again.

        A file that cannot be written must not keep points from being sent: then the count goes on in memory.
        """
        with suppress(SpoolError):
            await self._run(self._spool.begin_stream)
        return WriterIdentity(self._spool.writer_id, self._spool.attempt)

    async def close(self) -> None:
        """Close the file."""
        try:
            await self._run(self._spool.close)
        finally:
            self._thread.shutdown()

    async def _commit(self) -> None:
        commit = self.backlog.next_commit()
        try:
            await self._run(lambda: self._spool.commit(commit.deletions, commit.inserts))
        except SpoolError as error:
            self.error = error
            self.backlog.failed(commit, is_kept=not self._is_durable)
            raise
        self.error = None
        self.backlog.committed(commit)

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.wrap_future(self._thread.submit(work))
