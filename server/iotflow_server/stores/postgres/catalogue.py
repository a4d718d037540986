"""The catalogue of series: which names a device has and of which kinds, kept by the writers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.frame import Frame
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
        self._known: dict[tuple[str, Kind], set[int]] = {}
        self._count = 0

    def forget(self) -> None:
        """Trust nothing that was known of the database."""
        self._known.clear()
        self._count = 0

    @contextmanager
    def remembering(self, frame: Frame) -> Iterator[Mapping[_Key, int]]:
        """Yield the series of a frame that are new, to be inserted, and their kinds.

        They are known if the block succeeds.

        The block holds the whole transaction: what was not committed must not be known.
        """
        new = self._new(frame)
        kinds: dict[_Key, int] = {}
        for (name, kind), devices in new.items():
            for device_id in devices:
                kinds[device_id, name] = kinds.get((device_id, name), 0) | bit_of(kind)
        yield kinds
        if self._count > _MOST_KNOWN:
            self.forget()
        for key, devices in new.items():
            self._known.setdefault(key, set()).update(devices)
            self._count += len(devices)

    def _new(self, frame: Frame) -> dict[tuple[str, Kind], set[int]]:
        new = {}
        for column in frame.columns:
            own = frame.devices if column.rows is None else np.unique(column.of_rows(frame.device_ids)).tolist()
            unknown = set(own) - self._known.get((column.name, column.kind), set())
            if unknown:
                new[column.name, column.kind] = unknown
        return new


async def insert_series(connection: Connection, new: Mapping[_Key, int]) -> None:
    """Register series, and further kinds of those that are registered."""
    keys = sorted(new)
    if keys:
        await connection.execute(
            sql.REMEMBER_SERIES, [key[0] for key in keys], [key[1] for key in keys], [new[key] for key in keys]
        )
