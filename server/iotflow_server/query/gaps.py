"""Where figures of hours cannot be used, so that points are to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.windows import Windowing
from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.rollups import HOUR, RolledSeries
from iotflow_server.stores.selection import TimeRange


@dataclass(frozen=True, slots=True)
class Gaps:
    """Ranges within a range, ascending, apart from each other; between them lie whole parts of which figures hold."""

    time_range: TimeRange
    ranges: tuple[TimeRange, ...]

    @classmethod
    def of(cls, time_range: TimeRange, until: int, marks: Iterable[tuple[int, int]], unit: int) -> Gaps:
        """What figures of parts of ``unit`` microseconds up to ``until`` leave open, and what marks touch."""
        begin, end = -(-time_range.start // unit) * unit, min(time_range.end, until) // unit * unit
        if begin >= end:
            return cls(time_range, (time_range,))
        touched = [(start // unit * unit, -(-stop // unit) * unit) for start, stop in marks]
        return cls(time_range, _joined([(time_range.start, begin), *touched, (end, time_range.end)], time_range))

    def and_hours(self, hours: Timestamps) -> Gaps:
        """These and some single hours."""
        found = [(one.start, one.end) for one in self.ranges] + [(hour, hour + HOUR) for hour in hours.tolist()]
        return Gaps(self.time_range, _joined(found, self.time_range))

    @property
    def are_all(self) -> bool:
        """Whether no hour is left between them."""
        return self.ranges == (self.time_range,)

    def leave(self, times: Timestamps) -> NDArray[np.bool_]:
        """Whether each part that begins at some time lies within the range and outside the gaps."""
        if not self.ranges:
            return (times >= self.time_range.start) & (times < self.time_range.end)
        starts = np.array([one.start for one in self.ranges], np.int64)
        ends = np.array([self.time_range.start, *(one.end for one in self.ranges)], np.int64)
        is_open = times >= ends[np.searchsorted(starts, times, side="right")]
        return is_open & (times < self.time_range.end)


def _joined(found: Sequence[tuple[int, int]], within: TimeRange) -> tuple[TimeRange, ...]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted((max(start, within.start), min(end, within.end)) for start, end in found):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(TimeRange(*each) for each in joined)


@dataclass(frozen=True, slots=True)
class DeviceGaps:
    """The gaps of devices: ``own`` those of devices that have marks, ``shared`` those of all others."""

    shared: Gaps
    own: Mapping[int, Gaps]

    @classmethod
    def of(cls, time_range: TimeRange, rolled: RolledSeries) -> DeviceGaps:
        """What the figures of some series leave open."""
        marks, until, unit = rolled.marks, rolled.until, rolled.unit
        found: dict[int, list[tuple[int, int]]] = {}
        for device_id, start, stop in zip(
            marks.device_ids.tolist(), marks.starts.tolist(), marks.stops.tolist(), strict=True
        ):
            found.setdefault(device_id, []).append((start, stop))
        shared = found.pop(0, [])
        own = {device_id: Gaps.of(time_range, until, shared + each, unit) for device_id, each in found.items()}
        return cls(Gaps.of(time_range, until, shared, unit), own)

    def of_device(self, device_id: int) -> Gaps:
        """Those of a device."""
        return self.own.get(device_id, self.shared)


def torn_hours(hours: Timestamps, windowing: Windowing) -> Timestamps:
    """Those of some hours that do not lie in one window."""
    if windowing.keeps_whole(HOUR):
        return hours[:0]
    _, ends = windowing.around(hours)
    return hours[ends < hours + HOUR]
