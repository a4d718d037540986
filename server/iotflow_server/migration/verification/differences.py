"""Points that differ between both stores, each with what either has there."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from iotflow_server.migration.difference import equal_values, series_of
from iotflow_server.stores.batch import Batch, Kind, Timestamps, Values

_LONGEST: Final = 160
_Side = tuple[Timestamps, Values]


class DifferenceKind(enum.StrEnum):
    """What is wrong with the secondary. The words are those of a job's options and of the database."""

    MISSING = "missing"
    MISMATCHED = "mismatched"
    EXTRA = "extra"


class Place(NamedTuple):
    """Which point, in microseconds since 1970."""

    device_id: int
    measurement: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Cell:
    """What a store has at a place, as text for people; equal where the values are."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.text}"


@dataclass(frozen=True, slots=True)
class Difference:
    """What the primary and the secondary have at a place, None for nothing; not None both."""

    primary: Cell | None
    secondary: Cell | None

    @property
    def kind(self) -> DifferenceKind:
        """What is wrong with the secondary."""
        if self.secondary is None:
            return DifferenceKind.MISSING
        return DifferenceKind.EXTRA if self.primary is None else DifferenceKind.MISMATCHED


Differences = dict[Place, Difference]


def differences_of(device_id: int, primary: Sequence[Batch], secondary: Sequence[Batch]) -> Differences:
    """Compare all points of a device in two stores, bit for bit, JSON as JSON, any NaN as any other."""
    one, other = series_of(primary), series_of(secondary)
    left: dict[Place, Cell] = {}
    right: dict[Place, Cell] = {}
    for name, kind in one.keys() | other.keys():
        mine, theirs = one.get((name, kind)), other.get((name, kind))
        left.update(_cells(device_id, name, kind, _besides(kind, mine, theirs)))
        right.update(_cells(device_id, name, kind, _besides(kind, theirs, mine)))
    return {place: Difference(left.get(place), right.get(place)) for place in left.keys() | right.keys()}


def _besides(kind: Kind, one: _Side | None, other: _Side | None) -> _Side | None:
    """Those of one's points that the other has not, or has otherwise."""
    if one is None or other is None or not len(other[0]):
        return one
    timestamps, values = one
    place = np.minimum(np.searchsorted(other[0], timestamps), len(other[0]) - 1)
    same: NDArray[np.bool_] = other[0][place] == timestamps
    same[same] = equal_values(kind, values[same], other[1][place[same]])
    return timestamps[~same], values[~same]


def _cells(device_id: int, name: str, kind: Kind, side: _Side | None) -> Iterator[tuple[Place, Cell]]:
    if side is not None:
        for timestamp, value in zip(side[0].tolist(), side[1].tolist(), strict=True):
            yield Place(device_id, name, timestamp), Cell(kind, shown(kind, value))


def shown(kind: Kind, value: Any) -> str:
    """A value as people read it, that of another value never the same; long texts are cut."""
    if kind not in (Kind.TEXT, Kind.JSON):
        return repr(value)
    text = printable(value)
    if len(text) <= _LONGEST:
        return text
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text[:_LONGEST]}… ({len(value)} characters, sha256 {digest})"


def printable(text: str) -> str:
    """A text that PostgreSQL can hold: what it cannot is escaped."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
