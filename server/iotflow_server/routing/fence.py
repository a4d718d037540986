"""Keeps streams that were left behind at one process from undoing what their writers write at another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.stream_writer import StreamWriter


class WriterTable(Protocol):
    """The last stream of each writer, known to all processes."""

    async def enter(self, writer: StreamWriter) -> None:
        """Make a stream the last one, or raise WriterSupersededError."""


class Fence:
    """What a stream passes before its first write.

    It is PostgreSQL that keeps them apart, where it is the primary. In the phases before, it must not matter that it is
    away.
    """

    def __init__(self, table: WriterTable, phase: Callable[[], Phase]) -> None:
        self._table = table
        self._phase = phase

    async def enter(self, writer: StreamWriter) -> None:
        """Let no earlier stream of the writer overwrite points from now on. A first stream has none.

        :raises WriterSupersededError: a later stream of the writer has entered.
        :raises StoreUnavailableError: PostgreSQL did not answer.
        """
        if not writer.is_first and self._phase().reads_from(StoreName.POSTGRES):
            await self._table.enter(writer)
