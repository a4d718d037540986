"""What was acknowledged, kept apart from the service, to hold it to its word: at the end, and at each read."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

#: (microseconds since 1970, measurement) of one device.
Key = tuple[int, str]
#: The value of a point that was deleted.
ABSENT: Final = object()

_READ = """
SELECT device_id, measurement_name, (extract(epoch FROM timestamp) * 1000000)::bigint,
       integer_value, numeric_value, text_value, boolean_value, json_value
FROM telemetry_data
"""
_SAMPLES: Final = 5


@dataclass(slots=True)
class _Entry:
    """``changed`` is the moment of the last change; ``is_moving`` while a change is not acknowledged."""

    value: Any
    changed: int
    is_moving: bool

    def is_settled(self, since: int) -> bool:
        """Whether it was as it is before a moment, and is to be seen so by what began then."""
        return not self.is_moving and self.changed <= since


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the ledger and what was found compare."""

    written: int = 0
    lost: int = 0
    wrong: int = 0
    samples: tuple[str, ...] = ()

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.written + other.written,
            self.lost + other.lost,
            self.wrong + other.wrong,
            (*self.samples, *other.samples)[:_SAMPLES],
        )

    @property
    def is_clean(self) -> bool:
        """Whether nothing is lost and nothing wrong."""
        return not (self.lost or self.wrong)


class Ledger:
    """Every point by device and key, with the value that must be read back.

    Time is counted in changes: a read that begins at :meth:`now` must see all that was acknowledged before.
    """

    def __init__(self) -> None:
        self._devices: dict[int, dict[Key, _Entry]] = {}
        self._keys: dict[int, list[Key]] = {}
        self._now = 0

    def __len__(self) -> int:
        return sum(map(len, self._devices.values()))

    def now(self) -> int:
        """This moment."""
        return self._now

    @property
    def device_ids(self) -> list[int]:
        """All devices ever written."""
        return list(self._devices)

    def keys(self, device_id: int) -> list[Key]:
        """All keys ever written of a device, ascending."""
        return self._keys.get(device_id, [])

    def expect(self, device_id: int, changes: Mapping[Key, Any]) -> None:
        """Note changes that are sent and not acknowledged: until then either value may be read."""
        self._change(device_id, changes, is_moving=True)

    def note(self, device_id: int, changes: Mapping[Key, Any]) -> None:
        """Note changes that are acknowledged."""
        self._change(device_id, changes, is_moving=False)

    def _change(self, device_id: int, changes: Mapping[Key, Any], *, is_moving: bool) -> None:
        self._now += 1
        entries = self._devices.setdefault(device_id, {})
        keys = self._keys.setdefault(device_id, [])
        for key, value in changes.items():
            if key not in entries:
                insort(keys, key)
            entries[key] = _Entry(value, self._now, is_moving)

    def check(self, device_id: int, start: int, end: int, since: int, found: Mapping[Key, Any]) -> Verdict:
        """Compare what a read of [start, end) has found that began at ``since``."""
        entries, faults = self._devices[device_id], _Faults()
        for key in self._within(device_id, start, end):
            entry = entries[key]
            if entry.is_settled(since):
                faults.compare(device_id, key, entry.value, found.get(key, ABSENT))
        for key in found:
            faults.must_have_been_written(device_id, key, entries)
        return faults.verdict()

    def check_latest(self, device_id: int, names: Collection[str], since: int, found: Mapping[Key, Any]) -> Verdict:
        """Compare the newest points of series as a read has found them that began at ``since``.

        Only what came or went meanwhile may be newer than the newest that was there.
        """
        entries, faults, left = self._devices[device_id], _Faults(), set(names)
        by_name = {name: timestamp for timestamp, name in found}
        for timestamp, name in reversed(self.keys(device_id)):
            if not left:
                break
            entry = entries[timestamp, name]
            if name in left and entry.is_settled(since) and entry.value is not ABSENT:
                left.remove(name)
                if by_name.get(name, timestamp - 1) < timestamp:
                    faults.compare(device_id, (timestamp, name), entry.value, ABSENT)
        for key, value in found.items():
            faults.must_have_been_written(device_id, key, entries)
            if key in entries and entries[key].is_settled(since):
                faults.compare(device_id, key, entries[key].value, value)
        return faults.verdict()

    def check_sum(
        self, device_id: int, name: str, start: int, end: int, since: int, count: int, total: int | None
    ) -> Verdict:
        """Compare how many integers there are in [start, end), and their sum where none changed since ``since``."""
        entries, faults = self._devices[device_id], _Faults()
        within = [entries[key] for key in self._within(device_id, start, end) if key[1] == name]
        settled = [entry.value for entry in within if entry.is_settled(since)]
        there = [value for value in settled if value is not ABSENT]
        moving = len(within) - len(settled)
        faults.count(device_id, name, count, len(there), len(there) + moving)
        if there and not moving and total != sum(there):
            faults.wrong.append(f"wrong: {device_id} {name!r} of [{start}, {end}): sum {total} instead of {sum(there)}")
        return faults.verdict()

    async def compare(self, dsn: str) -> Verdict:
        """Look for every point in PostgreSQL itself, past the service; all writers have ended."""
        found: dict[int, dict[Key, Any]] = {device_id: {} for device_id in self._devices}
        async for device_id, key, value in _stored(dsn):
            found.setdefault(device_id, {})[key] = value
        verdict = Verdict()
        for device_id, points in found.items():
            if device_id in self._devices:
                verdict += self.check(device_id, *_EVER, self._now, points)
        return verdict

    def _within(self, device_id: int, start: int, end: int) -> Iterable[Key]:
        keys = self._keys[device_id]
        return keys[bisect_left(keys, (start, "")) : bisect_left(keys, (end, ""))]


_EVER: Final = (-(2**63), 2**63)


def points_of(timestamps: Iterable[int], columns: Mapping[str, Iterable[Any]]) -> Iterator[tuple[Key, Any]]:
    """The points of columns over the same timestamps."""
    times = list(timestamps)
    for name, values in columns.items():
        for timestamp, value in zip(times, values, strict=True):
            yield (timestamp, name), value


class _Faults:
    def __init__(self) -> None:
        self._count = 0
        self._lost: list[str] = []
        self.wrong: list[str] = []

    def compare(self, device_id: int, key: Key, wanted: Any, found: Any) -> None:
        if wanted is ABSENT:
            if found is not ABSENT:
                self.wrong.append(f"deleted, and came back: {device_id} {key}")
            return
        self._count += 1
        if found is ABSENT:
            self._lost.append(f"lost: {device_id} {key}")
        elif not _same(wanted, found):
            self.wrong.append(f"wrong: {device_id} {key}: {found!r} instead of {wanted!r}")

    def must_have_been_written(self, device_id: int, key: Key, entries: Container[Key]) -> None:
        if key not in entries:
            self.wrong.append(f"never written: {device_id} {key}")

    def count(self, device_id: int, name: str, found: int, least: int, most: int) -> None:
        self._count += least
        if found < least:
            self._lost += [f"lost: {device_id} {name!r}: {found} points instead of {least} or more"] * (least - found)
        elif found > most:
            self.wrong.append(f"wrong: {device_id} {name!r}: {found} points instead of {most} or fewer")

    def verdict(self) -> Verdict:
        samples = (*self._lost[:_SAMPLES], *self.wrong[:_SAMPLES])
        return Verdict(self._count, len(self._lost), len(self.wrong), samples)


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, str) and wanted.startswith("{"):
        return bool(json.loads(wanted) == (json.loads(found) if isinstance(found, str) else found))
    return type(wanted) is type(found) and bool(wanted == found)


async def _stored(dsn: str) -> AsyncIterator[tuple[int, Key, Any]]:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(readonly=True):
            async for device_id, name, timestamp, *values in connection.cursor(_READ, prefetch=10_000):
                yield device_id, (timestamp, name), next(value for value in values if value is not None)
    finally:
        await connection.close()
