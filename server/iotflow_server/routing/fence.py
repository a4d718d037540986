"""Keeps streams that were left behind at one process from undoing what their writers write at another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final, Protocol

import structlog

from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreUnavailableError, WriterSupersededError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.stream_writer import StreamWriter

_log = structlog.get_logger(__name__)

#: Longest wait for PostgreSQL where the phase can do without it.
_PATIENCE_SECONDS: Final = 2.0
#: Writers that have gone on elsewhere of which this process knows; beyond that it forgets those it heard of first.
_MOST_WRITERS: Final = 100_000


class WriterTable(Protocol):
    """The last stream of each writer, known to all processes. Every method may raise StoreUnavailableError."""

    async def enter(self, writer: StreamWriter) -> None:
        """Make a stream the last one, or raise WriterSupersededError."""


class Takeovers(Protocol):
    """Tells processes of the last stream of a writer. Every method may raise StoreUnavailableError."""

    async def take_over(self, writer: StreamWriter) -> None:
        """Return once no process that hears of it has earlier streams of the writer under way."""


class Fence:
    """What a stream passes before its first write, and each of its flushes.

    PostgreSQL keeps streams apart by itself. IoTDB cannot: where it is written the processes tell each other, and a
    stream waits for what earlier ones of its writer have under way. Where reads come from IoTDB it must not matter that
    PostgreSQL, by which they do, is away; then nobody is told.
    """

    def __init__(self, table: WriterTable, takeovers: Takeovers, phase: Callable[[], Phase]) -> None:
        self._table = table
        self._takeovers = takeovers
        self._phase = phase
        #: The greatest attempt of each writer that has gone on, here or elsewhere.
        self._last: dict[str, int] = {}
        self._under_way: Counter[StreamWriter] = Counter()
        self._ended = asyncio.Condition()

    async def enter(self, writer: StreamWriter) -> None:
        """Let no earlier stream of the writer overwrite points from now on. A first stream has none.

        :raises WriterSupersededError: a later stream of the writer has entered.
        :raises StoreUnavailableError: PostgreSQL, which the phase cannot do without, did not answer.
        """
        if writer.is_first:
            return
        phase = self._phase()
        try:
            async with asyncio.timeout(None if phase.reads_from(StoreName.POSTGRES) else _PATIENCE_SECONDS):
                await self._table.enter(writer)
            if phase.writes_to(StoreName.IOTDB):
                await self._takeovers.take_over(writer)
        except (TimeoutError, StoreUnavailableError) as error:
            if phase.reads_from(StoreName.POSTGRES):
                raise
            _log.warning("stream begins without a fence", action="fence_missing", error=str(error) or "no answer")

    def note(self, writer: StreamWriter) -> None:
        """Refuse what earlier streams of a writer have not begun to write."""
        if self._last.get(writer.writer_id, 0) < writer.attempt:
            self._last.pop(writer.writer_id, None)
            self._last[writer.writer_id] = writer.attempt
            if len(self._last) > _MOST_WRITERS:
                del self._last[next(iter(self._last))]

    async def ended(self, writer: StreamWriter) -> None:
        """Note a stream, and return once nothing of an earlier one of its writer is under way."""
        self.note(writer)
        async with self._ended:
            await self._ended.wait_for(lambda: not self._has_earlier(writer))

    @asynccontextmanager
    async def passing(self, writers: Collection[StreamWriter]) -> AsyncIterator[None]:
        """Within the block streams are written.

        :raises WriterSupersededError: a later stream of one of the writers is known.
        """
        for writer in writers:
            self._refuse_superseded(writer)
        self._under_way.update(writers)
        try:
            yield
        finally:
            self._under_way.subtract(writers)
            self._under_way = +self._under_way
            if writers:
                async with self._ended:
                    self._ended.notify_all()

    def _has_earlier(self, writer: StreamWriter) -> bool:
        return any(each.writer_id == writer.writer_id and each.attempt < writer.attempt for each in self._under_way)

    def _refuse_superseded(self, writer: StreamWriter) -> None:
        last = self._last.get(writer.writer_id, 0)
        if last > writer.attempt:
            raise WriterSupersededError.by(StoreName.IOTDB, writer.writer_id, last)
