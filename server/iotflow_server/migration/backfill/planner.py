"""Parts history into chunks of about as many points, counted where they lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from iotflow_server.migration.jobs.work import Chunk
from iotflow_server.stores.history import History, HistoryFault, Part
from iotflow_server.stores.selection import TimeRange

#: Steps counted at once; more are counted in turns.
_MOST_STEPS: Final = 1_000
#: Steps for each chunk, so that chunks come out about as large as they should.
_STEPS_PER_CHUNK: Final = 4
#: Devices counted at once.
_DEVICES_AT_ONCE: Final = 4
#: A device has its place in a statement, and its lock.
_MOST_PARTS: Final = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """A part and the points that it has."""

    part: Part
    points: int


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """The parts of one device, and what came up."""

    parts: Sequence[Counted]
    faults: Sequence[HistoryFault]


async def device_plans(history: History, parts: Iterable[Part], chunk_points: int) -> AsyncIterator[DevicePlan]:
    """Plan devices, a few at a time; one part for each device, whose range is narrowed to its points."""
    waiting = iter(parts)
    while some := list(islice(waiting, _DEVICES_AT_ONCE)):
        for plan in await asyncio.gather(*(_planned(history, part, chunk_points) for part in some)):
            yield plan


def gathered(plans: Iterable[Counted], chunk_points: int) -> Iterator[list[Counted]]:
    """Put small parts together, up to about so many points."""
    together: list[Counted] = []
    for counted in plans:
        too_many = sum(each.points for each in together) + counted.points > chunk_points
        if together and (too_many or len(together) == _MOST_PARTS):
            yield together
            together = []
        together.append(counted)
    if together:
        yield together


def chunk_of(parts: Sequence[Counted]) -> Chunk:
    """The chunk of parts."""
    return Chunk({"parts": [_part_json(each.part) for each in parts]}, sum(each.points for each in parts))


def parts_of(chunk: Chunk) -> list[Part]:
    """The parts of a chunk."""
    return [
        Part(each["device"], TimeRange(each["start"], each["end"]), _names(each["measurements"]))
        for each in chunk.payload["parts"]
    ]


def _part_json(part: Part) -> dict[str, Any]:
    start, end = part.time_range.start, part.time_range.end
    return {"device": part.device_id, "start": start, "end": end, "measurements": part.measurements}


def _names(stored: list[str] | None) -> tuple[str, ...] | None:
    return None if stored is None else tuple(stored)


async def _planned(history: History, part: Part, chunk_points: int) -> DevicePlan:
    extent = await history.extent(part)
    if extent.span is None:
        return DevicePlan((), extent.faults)
    narrow = Part(part.device_id, extent.span, part.measurements)
    return DevicePlan(await _split(history, narrow, extent.points, chunk_points), extent.faults)


async def _split(history: History, part: Part, points: int, chunk_points: int) -> list[Counted]:
    """Parts of about ``chunk_points`` that cover all points of one."""
    span = part.time_range.end - part.time_range.start
    steps = min(-(-points // chunk_points) * _STEPS_PER_CHUNK, _MOST_STEPS)
    step = -(-span // steps)
    if points <= chunk_points or step >= span:
        return [Counted(part, points)]
    found: list[Counted] = []
    for start, end, count in _joined(await history.counts(part, step), step, part.time_range, chunk_points):
        piece = Part(part.device_id, TimeRange(start, end), part.measurements)
        is_large = _is_large(count, chunk_points)
        found += await _split(history, piece, count, chunk_points) if is_large else [Counted(piece, count)]
    return found


def _joined(
    counts: Sequence[tuple[int, int]], step: int, within: TimeRange, chunk_points: int
) -> Iterator[tuple[int, int, int]]:
    """Join neighbouring steps as long as they hold no more than a chunk; yield (start, end, points) of each.

    All of the range is covered, for counts are but about right. A step that is to be split again stays alone: with the
    emptiness around it, it would be split into the same steps again, for ever.
    """
    start, total = within.start, 0
    for at, points in counts:
        if start < at and total + points > chunk_points:
            yield start, at, total
            start, total = at, 0
        total += points
        if _is_large(points, chunk_points):
            end = min(at + step, within.end)
            yield start, end, total
            start, total = end, 0
    if start < within.end:
        yield start, within.end, total


def _is_large(points: int, chunk_points: int) -> bool:
    return points > 2 * chunk_points
