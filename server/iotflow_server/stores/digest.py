"""Digests of a series' points, computed alike here and in PostgreSQL (``stores/postgres/digests.py``).

Two digests of SHA-256 one after the other: of the timestamps, and of the values, each as big-endian bytes in order of
time; of a text its own SHA-256 stands for it. JSON has none: it is equal as JSON, whatever its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from iotflow_server.stores.batch import Kind, Timestamps, Values
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


def digest_of(timestamps: Timestamps, kind: Kind, values: Values) -> bytes:
    """The digest of points in order of time; empty where there can be none."""
    if kind is Kind.JSON:
        return b""
    if kind is Kind.TEXT:
        held = b"".join(sha256(_utf8(text)).digest() for text in values)
    else:
        held = values.astype(_BYTES[kind]).tobytes()
    return sha256((timestamps - _SHIFT).astype(">i8").tobytes()).digest() + sha256(held).digest()


def _utf8(text: str) -> bytes:
    # What is not Unicode is not in PostgreSQL: any bytes will do that are not those of something else.
    return text.encode("utf-8", "surrogatepass")
