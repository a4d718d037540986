"""Remembers the devices that write points again which are there already.

A COPY that fails on the last of its rows has cost as much as one that succeeds, and leaves its rows behind as dead
ones. So the devices of a failed COPY go by an upsert for a while, the longer the more often it happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

import numpy as np

from iotflow_server.stores.frame import Frame

_FIRST_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 120.0
#: Beyond so many devices all are forgotten; that costs failed COPYs, not points.
_MOST_DEVICES: Final = 100_000


class Overwriters:
    """The devices whose writes are expected to meet existing points; ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: For each device how long it is remembered, and until when.
        self._devices: dict[int, tuple[float, float]] = {}

    def split(self, frame: Frame) -> tuple[Frame, Frame]:
        """The part of a resolved frame whose points are expected to be new, and the other one."""
        now = self._clock()
        known = self._devices
        expected = [device in known and now < known[device][1] for device in frame.devices]
        if not any(expected):
            return frame, Frame.of(())
        overwriting = np.array(expected)
        return frame.only(~overwriting), frame.only(overwriting)

    def note(self, devices: Collection[int]) -> None:
        """Remember devices that have overwritten points."""
        if len(self._devices) + len(devices) > _MOST_DEVICES:
            self._devices.clear()
        now = self._clock()
        for device in devices:
            seconds, _ = self._devices.get(device, (_FIRST_SECONDS / 2, now))
            seconds = min(2 * seconds, _LONGEST_SECONDS)
            self._devices[device] = (seconds, now + seconds)
