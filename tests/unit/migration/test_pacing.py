"""What holds a job back."""

from __future__ import annotations

import asyncio

from iotflow_server.migration.jobs.pacing import Pacing
from iotflow_server.migration.jobs.spec import JobPace
from iotflow_server.migration.jobs.strain import LiveStrain
from iotflow_server.stores.name import StoreName
from tests.support.waiting import until


async def test_points_beyond_the_limit_wait_for_those_before() -> None:
    pacing = Pacing(JobPace(points_per_second={StoreName.IOTDB: 1_000}), str)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    for _ in range(3):
        await pacing.pace(StoreName.IOTDB, 200)
    assert loop.time() - begin >= 0.4
    assert pacing.waiting_for == "its limit of 1000 points/s for iotdb"


async def test_one_store_does_not_wait_for_the_other() -> None:
    pacing = Pacing(JobPace(points_per_second={StoreName.IOTDB: 1}), str)
    await pacing.pace(StoreName.IOTDB, 1_000_000)
    for _ in range(3):
        await pacing.pace(StoreName.POSTGRES, 1_000_000)
    assert pacing.waiting_for == ""


async def test_a_lifted_limit_lets_those_go_who_wait() -> None:
    pacing = Pacing(JobPace(points_per_second={StoreName.IOTDB: 1}), str)
    await pacing.pace(StoreName.IOTDB, 1_000_000)
    waiting = asyncio.create_task(pacing.pace(StoreName.IOTDB, 1))
    await until(lambda: bool(pacing.waiting_for))
    pacing.change(JobPace())
    await waiting


async def test_strain_slows_a_job_down_and_is_told() -> None:
    reasons = iter(["live writes are slow"] * 3 + [""] * 100)
    pacing = Pacing(JobPace(), lambda: next(reasons))
    loop = asyncio.get_running_loop()
    turns, end = 0, loop.time() + 4
    while loop.time() < end and pacing.waiting_for != "live writes are slow":
        await pacing.pace(StoreName.POSTGRES, 1)
        await asyncio.sleep(0.01)
        turns += 1
    assert pacing.waiting_for == "live writes are slow"


def test_what_is_strained_is_named_with_its_figure() -> None:
    slow, dirty = [0.1], [5]
    strain = LiveStrain({StoreName.POSTGRES: lambda: slow[0]}, lambda: dirty[0], 0.5, 10)
    assert strain() == ""
    dirty[0] = 11
    assert strain() == "the secondary, which lags by 11 dirty ranges, over 10"
    slow[0] = 0.75
    assert strain() == "live writes to postgres: p95 is 0.75 s, over 0.5 s"
