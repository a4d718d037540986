"""The catalogue of series: which names a device has and of which kinds, kept by the writers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.pool import Connection

_Key = tuple[int, str]


def bit_of(kind: Kind) -> int:
    """The bit of a kind in telemetry_series.kinds."""
    return 1 << kind


def kind_of(kinds: int) -> Kind | None:
    """The kind that the bits stand for; None for several."""
    return next((kind for kind in Kind if kinds == bit_of(kind)), None)


class SeriesCatalogue:
    """Remembers what it has written, so that known series cost nothing."""

    def __init__(self) -> None:
        self._known: dict[_Key, int] = {}

    def forget(self) -> None:
        """Trust nothing that was known of the database."""
        self._known.clear()

    @asynccontextmanager
    async def remembering(self, connection: Connection, batches: Sequence[Batch]) -> AsyncIterator[None]:
        """Insert the new series of batches within the caller's transaction, and know them once it is through."""
        new = self._new(batches)
        if new:
            keys = sorted(new)
            await connection.execute(
                sql.REMEMBER_SERIES, [key[0] for key in keys], [key[1] for key in keys], [new[key] for key in keys]
            )
        yield
        for key, kinds in new.items():
            self._known[key] = self._known.get(key, 0) | kinds

    def _new(self, batches: Sequence[Batch]) -> dict[_Key, int]:
        new: dict[_Key, int] = {}
        for batch in batches:
            for column in batch.columns:
                key, bit = (batch.device_id, column.name), bit_of(column.kind)
                if len(column) and not self._known.get(key, 0) & bit:
                    new[key] = new.get(key, 0) | bit
        return new
