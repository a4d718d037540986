"""What has been read of the figures of some devices, and for which of these they are of use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from iotflow_server.query.figures import Figures
from iotflow_server.query.gaps import DeviceGaps, Gaps
from iotflow_server.query.packing import unpacked
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.points import SeriesKey
from iotflow_server.stores.rollups import Figure, RolledSeries
from iotflow_server.stores.selection import TimeRange

#: Beyond so many ranges of points to read, it is faster to read all.
_MOST_GAPS: Final = 8
NUMBERS: Final = (Kind.NUMERIC, Kind.INTEGER)

Kinds = Mapping[SeriesKey, Kind | None]
#: Devices side by side that have the same gaps; None where figures are of no use.
Run = tuple[Gaps | None, tuple[int, ...]]


class SeriesOfDevices:
    """Figures of devices, which ascend."""

    def __init__(self, rolled: RolledSeries, figures: Collection[Figure], devices: tuple[int, ...]) -> None:
        self._rolled = rolled
        self._figures = figures
        self._devices = devices

    def __len__(self) -> int:
        """Days of all series."""
        return sum(len(each.days) for each in self._rolled.days)

    def runs(self, time_range: TimeRange) -> list[Run]:
        """The devices. Figures are of no use of one with a series that does not hold numbers of one kind."""
        gaps = DeviceGaps.of(time_range, self._rolled)
        alike = self._rolled.series
        others = {device_id for each in alike if each.kind not in NUMBERS for device_id in each.device_ids}
        if not others and not gaps.own:
            return [(of_use(gaps.shared), self._devices)]

        def own(device_id: int) -> Gaps | None:
            return None if device_id in others else of_use(gaps.of_device(device_id))

        return [(found, tuple(run)) for found, run in groupby(self._devices, own)]

    def of(self, devices: Sequence[int]) -> Iterator[Figures]:
        """The figures of some of the devices, side by side; those of one kind after the other."""
        if len(devices) == len(self._devices):
            yield from self._unpacked
            return
        for figures, device_of in zip(self._unpacked, self._device_of, strict=True):
            yield figures.chosen(np.flatnonzero((device_of >= devices[0]) & (device_of <= devices[-1])))

    @cached_property
    def kinds(self) -> Kinds:
        """The kind of each series."""
        alike = self._rolled.series
        return {SeriesKey(device_id, each.measurement): each.kind for each in alike for device_id in each.device_ids}

    @cached_property
    def _unpacked(self) -> list[Figures]:
        return [unpacked(days, self._figures) for days in self._rolled.days]

    @cached_property
    def _device_of(self) -> list[NDArray[np.int64]]:
        """The device of each part of the figures, for there may be many runs of devices."""
        return [figures.device_ids for figures in self._unpacked]


def of_use(gaps: Gaps) -> Gaps | None:
    """Gaps, if they leave figures enough to tell."""
    return None if gaps.are_all or len(gaps.ranges) > _MOST_GAPS else gaps
