"""Work in the background takes what calls leave of the event loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from iotflow_server.rollups.courtesy import Courtesy


class Clocks:
    """Time that passes by sleeping alone, of which calls take a share."""

    def __init__(self, busy: float) -> None:
        self.busy = busy
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def monotonic(self) -> float:
        return sum(self.slept)

    def thread_time(self) -> float:
        return self.busy * sum(self.slept)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch, busy: float) -> Clocks:
    clocks = Clocks(busy)
    monkeypatch.setattr(asyncio, "sleep", clocks.sleep)
    monkeypatch.setattr(time, "monotonic", clocks.monotonic)
    monkeypatch.setattr(time, "thread_time", clocks.thread_time)
    return clocks


@pytest.mark.parametrize(("busy", "rest"), [(0.0, 0.0), (0.5, 1.0), (0.75, 3.0), (1.0, 15.0), (1.2, 15.0)])
async def test_it_works_for_the_share_of_the_time_that_is_left(clocks: Clocks, rest: float) -> None:
    await Courtesy().rest(0.04)
    sample, after = clocks.slept
    assert sample == pytest.approx(0.05)
    assert after == pytest.approx(0.04 * rest)


@pytest.mark.parametrize("busy", [0.5])
async def test_it_looks_again_after_a_second(clocks: Clocks) -> None:
    courtesy = Courtesy()
    await courtesy.rest(0.04)
    clocks.busy = 0.0
    await courtesy.rest(0.04)
    assert clocks.slept[-1] == pytest.approx(0.04)
    clocks.slept.append(1.0)
    await courtesy.rest(0.04)
    assert clocks.slept[-1] == 0.0
