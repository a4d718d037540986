"""Remembers the devices that write points again which are there already.

A COPY that fails on the last of its rows has cost as much as one that succeeds, and leaves its rows behind as dead
ones. So what such devices write is looked for and removed first, as long as something is found.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np

from iotflow_server.stores.frame import Frame

#: Beyond so many devices all are forgotten; that costs failed COPYs, not points.
_MOST_DEVICES: Final = 100_000
_NOTHING: Final = Frame.of(())


class Overwriters:
    """The devices whose writes are expected to meet existing points."""

    def __init__(self) -> None:
        self._devices: set[int] = set()

    def split(self, frame: Frame) -> tuple[Frame, Frame]:
        """The part of a resolved frame whose points are expected to be new, and the other one."""
        if not self._devices or self._devices.isdisjoint(frame.devices):
            return frame, _NOTHING
        expected = np.array([device_id in self._devices for device_id in frame.devices])
        return frame.only(~expected), frame.only(expected)

    def note(self, looked_at: Collection[int], found: Collection[int]) -> None:
        """Points were looked for of some devices, and found of others of these."""
        self._devices.difference_update(looked_at)
        if len(self._devices) + len(found) > _MOST_DEVICES:
            self._devices.clear()
        self._devices.update(found)
