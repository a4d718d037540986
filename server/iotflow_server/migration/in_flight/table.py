"""Which range of time of each device is marked, and how much of it is in use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.migration.merging import GRAIN
from iotflow_server.routing.in_flight import Spans
from iotflow_server.stores.batch import Timestamps
from iotflow_server.stores.frame import DeviceIds

#: Microseconds. A mark reaches at most so far beyond what was written: who writes a history goes through hours at once.
_MOST_AHEAD: Final = 86_400_000_000
#: A mark that is so many times as long as it would be made now is made anew.
_TOO_WIDE: Final = 4
_NEVER: Final = np.iinfo(np.int64)
#: Half-open marks; first and last timestamp that were written of late, and in the time before that.
_ROW: Final = np.dtype(
    [(name, np.int32 if name == "device" else np.int64) for name in (
        "device", "start", "end", "first", "last", "first_before", "last_before"
    )]
)  # fmt: skip

_Rows = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Half-open ranges of time in microseconds since 1970, one of a device; devices ascend."""

    device_ids: DeviceIds
    starts: Timestamps
    ends: Timestamps

    def __len__(self) -> int:
        return len(self.device_ids)


@dataclass(frozen=True, slots=True, eq=False)
class Tending:
    """Marks that are to be made anew, and devices whose marks are of no more use."""

    put: Marks
    drop: DeviceIds


class MarkTable:
    """One mark of each device. It never claims more than what is durable: that becomes so before :meth:`put`, and
    ceases to be so after :meth:`tend`."""

    def __init__(self) -> None:
        self._rows: _Rows = np.empty(0, _ROW)

    def __len__(self) -> int:
        return len(self._rows)

    def covered(self, spans: Spans) -> NDArray[np.bool_]:
        """Which spans lie within the marks of their devices; these count as in use from now on."""
        at, is_known = self._places(spans.device_ids)
        rows = self._rows
        if not len(rows):
            return is_known
        covered: NDArray[np.bool_] = is_known & (rows["start"][at] <= spans.first) & (spans.last < rows["end"][at])
        used, within = at[covered], spans.only(covered)
        rows["first"][used] = np.minimum(rows["first"][used], within.first)
        rows["last"][used] = np.maximum(rows["last"][used], within.last)
        return covered

    def wanted(self, spans: Spans) -> Marks:
        """The marks to make for spans that are not covered: each time the table is asked for more of a device, it goes
        twice as far ahead."""
        at, is_known = self._places(spans.device_ids)
        starts, ends = _floor(spans.first), _ceiling(spans.last) + GRAIN
        rows, known = self._rows[at[is_known]], spans.only(is_known)
        ahead = np.clip(rows["end"] - rows["start"], GRAIN, _MOST_AHEAD)
        is_before, is_behind = known.first < rows["start"], known.last >= rows["end"]
        starts[is_known] = np.where(is_before, _floor(known.first) - ahead, rows["start"])
        ends[is_known] = np.where(is_behind, _ceiling(known.last) + ahead, rows["end"])
        return Marks(spans.device_ids, starts, ends)

    def put(self, marks: Marks) -> None:
        """These marks are durable now."""
        at, is_known = self._places(marks.device_ids)
        self._rows["start"][at[is_known]] = marks.starts[is_known]
        self._rows["end"][at[is_known]] = marks.ends[is_known]
        new = np.zeros(int((~is_known).sum()), _ROW)
        new["device"], new["start"], new["end"] = (
            column[~is_known] for column in (marks.device_ids, marks.starts, marks.ends)
        )
        new["first"] = new["first_before"] = _NEVER.max
        new["last"] = new["last_before"] = _NEVER.min
        rows = np.concatenate([self._rows, new])
        self._rows = rows[np.argsort(rows["device"])]

    def tend(self, under_way: Iterable[Spans]) -> Tending:
        """Look what was written since the last time but one: forget what was not, and say what is to become durable.

        What is to be made anew is known by the part that it has in common with what it was, until it is put.
        """
        for spans in under_way:
            self.covered(spans)
        rows = self._rows
        first, last = np.minimum(rows["first"], rows["first_before"]), np.maximum(rows["last"], rows["last_before"])
        is_used = first <= last
        drop = rows["device"][~is_used]
        self._rows = rows = rows[is_used]
        first, last = first[is_used], last[is_used]
        rows["first_before"], rows["last_before"] = rows["first"], rows["last"]
        rows["first"], rows["last"] = _NEVER.max, _NEVER.min
        ahead = np.clip(last - first, GRAIN, _MOST_AHEAD)
        starts, ends = _floor(first), _ceiling(last) + ahead
        is_short = rows["end"] - last < ahead // 2
        is_wide = rows["end"] - rows["start"] > _TOO_WIDE * (ends - starts)
        anew = is_short | is_wide
        put = Marks(rows["device"][anew], starts[anew], ends[anew])
        rows["start"][anew] = np.maximum(rows["start"][anew], put.starts)
        rows["end"][anew] = np.minimum(rows["end"][anew], put.ends)
        return Tending(put, drop)

    def _places(self, device_ids: DeviceIds) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The row of each device, and whether it has one; else that is another's."""
        devices = self._rows["device"]
        if not len(devices):
            return np.zeros(len(device_ids), np.intp), np.zeros(len(device_ids), np.bool_)
        at = np.minimum(np.searchsorted(devices, device_ids), len(devices) - 1)
        return at, devices[at] == device_ids


def _floor(timestamps: Timestamps) -> Timestamps:
    return timestamps // GRAIN * GRAIN


def _ceiling(timestamps: Timestamps) -> Timestamps:
    """The grain that begins after each."""
    return (timestamps // GRAIN + 1) * GRAIN
