"""Digests of a series' points, computed alike here and in PostgreSQL (``stores/postgres/digests.py``).

Two digests of SHA-256 one after the other: of the timestamps, and of the values, each as big-endian bytes in order of
time; of a text its own SHA-256 stands for it. JSON has none: it is equal as JSON, whatever its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from iotflow_server.stores.batch import Batch, Column, Kind
from iotflow_server.stores.selection import TimeRange

#: Microseconds from 1970 to 2000, from where digests count time: PostgreSQL need not convert its own.
_SHIFT: Final = 946_684_800_000_000
_BYTES: Final = {Kind.NUMERIC: ">f8", Kind.INTEGER: ">i8", Kind.BOOLEAN: "u1"}


@dataclass(frozen=True, slots=True)
class SeriesDigest:
    """Points of a series in a range. ``digest`` is empty where the series holds several kinds, or JSON."""

    points: int
    kind: Kind | None
    digest: bytes


class Digesting(Protocol):
    """A store that digests points where they lie."""

    async def digests(self, device_id: int, time_range: TimeRange, most_points: int) -> dict[str, SeriesDigest]:
        """Digest each series of a device that has points in a range, metadata included, by name.

        Of a series that has more than ``most_points`` only so many are looked at.

        :raises StoreUnavailableError: the store is away.
        """


def digests_of(batches: Iterable[Batch]) -> dict[str, SeriesDigest]:
    """Digest each series of batches of one device in order of time."""
    hashes: dict[str, dict[Kind, _SeriesHash]] = {}
    for batch in batches:
        moments = (batch.timestamps - _SHIFT).astype(">i8")
        for column in batch.columns:
            kinds = hashes.setdefault(column.name, {})
            kinds.setdefault(column.kind, _SeriesHash()).add(column, moments)
    return {name: _digest(kinds) for name, kinds in hashes.items()}


class _SeriesHash:
    """Digests points of one kind piece by piece, so that nothing is joined first."""

    def __init__(self) -> None:
        self._moments, self._held = sha256(), sha256()
        self.points = 0

    def add(self, column: Column, moments: NDArray[np.int64]) -> None:
        """Digest a column; ``moments`` are those of all rows, as they are digested."""
        self.points += len(column)
        if column.kind is Kind.JSON:
            return
        self._moments.update(column.of_rows(moments).data)
        if column.kind is Kind.TEXT:
            self._held.update(b"".join(sha256(_utf8(text)).digest() for text in column.values))
        else:
            self._held.update(column.values.astype(_BYTES[column.kind]).data)

    def digest(self) -> bytes:
        """Both digests."""
        return self._moments.digest() + self._held.digest()


def _digest(kinds: Mapping[Kind, _SeriesHash]) -> SeriesDigest:
    points = sum(each.points for each in kinds.values())
    if len(kinds) > 1:
        return SeriesDigest(points, None, b"")
    ((kind, one),) = kinds.items()
    return SeriesDigest(points, kind, b"" if kind is Kind.JSON else one.digest())


def _utf8(text: str) -> bytes:
    # What is not Unicode is not in PostgreSQL: any bytes will do that are not those of something else.
    return text.encode("utf-8", "surrogatepass")
