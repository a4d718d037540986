"""The catalogue of series: which names a device has and of which kinds, kept by the writers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.postgres import sql
from iotflow_server.stores.postgres.pool import Connection

_Key = tuple[int, str]
#: Beyond so many series all are forgotten; what is not known costs a statement, not a mistake.
_MOST_KNOWN: Final = 500_000


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

    @contextmanager
    def remembering(self, batches: Sequence[Batch]) -> Iterator[Mapping[_Key, int]]:
        """Yield the series of batches that are new, to be inserted; they are known if the block succeeds.

        The block holds the whole transaction: what was not committed must not be known.
        """
        new = self._new(batches)
        yield new
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
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


async def insert_series(connection: Connection, new: Mapping[_Key, int]) -> None:
    """Register series, and further kinds of those that are registered."""
    keys = sorted(new)
    if keys:
        await connection.execute(
            sql.REMEMBER_SERIES, [key[0] for key in keys], [key[1] for key in keys], [new[key] for key in keys]
        )
