from __future__ import annotations

import asyncio
import time

import pytest

from iotflow_server.migration.repair_pace import RepairPace
from tests.support.waiting import until


async def test_what_was_compared_is_waited_for_until_somebody_is_in_a_hurry() -> None:
    urgent: list[bool] = []
    pace = RepairPace(1, lambda: "", lambda: bool(urgent))
    await pace.rest()
    assert not pace.is_owed
    pace.compared(1_000)
    assert pace.is_owed
    resting = asyncio.create_task(pace.rest())
    await asyncio.sleep(0.3)
    assert not resting.done()
    urgent.append(True)
    await resting
    assert not pace.is_owed


async def test_without_a_limit_only_strain_holds_it_back() -> None:
    strain = "live writes are slow"
    pace = RepairPace(0, lambda: strain, lambda: False)
    pace.compared(10**9)
    assert not pace.is_owed
    await asyncio.sleep(1.1)
    await pace.rest()
    # It works in the first half of each second.
    await until(lambda: pace.is_owed)
    strain = ""
    for _ in range(2):
        await asyncio.sleep(1.1)
        await pace.rest()
    assert not pace.is_owed


async def test_however_long_others_suffer_half_of_the_time_is_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = RepairPace(0, lambda: "live writes are slow", lambda: False)
    for _ in range(10):
        now += 1.0
        await pace.rest()
    now += 0.4
    assert not pace.is_owed
    now += 0.2
    assert pace.is_owed
