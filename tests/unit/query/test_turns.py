"""Aggregations go on one after the other, in their order, and leave the event loop to others in between."""

from __future__ import annotations

import asyncio
import itertools

from iotflow_server.query.turns import Turns


async def test_who_comes_first_does_not_wait() -> None:
    turns, order = Turns(), list[str]()

    async def take() -> None:
        await turns.short()
        order.append("taken")

    asyncio.get_running_loop().call_soon(order.append, "next turn of the loop")
    await take()
    assert order == ["taken"]


async def test_short_ones_go_on_in_their_order_and_the_loop_goes_on_between_them() -> None:
    turns, order = Turns(), list[str]()

    async def take(name: str) -> None:
        await turns.short()
        order.append(name)

    async def tick() -> None:
        while len(set(order)) < 4:
            order.append(".")
            await asyncio.sleep(0)

    async with asyncio.timeout(10):
        await asyncio.gather(*map(take, "abc"), tick())
    assert [name for name in order if name != "."] == ["a", "b", "c"]
    places = [order.index(name) for name in "abc"]
    assert all(later - earlier > 3 for earlier, later in itertools.pairwise(places))


async def test_one_that_has_given_up_holds_up_nobody() -> None:
    turns = Turns()
    await turns.short()
    given_up, patient = asyncio.create_task(turns.short()), asyncio.create_task(turns.short())
    await asyncio.sleep(0)
    given_up.cancel()
    async with asyncio.timeout(10):
        await patient
        await turns.short()


async def test_long_ones_are_few_at_once_and_in_their_order() -> None:
    turns, under_way, most, order = Turns(), 0, 0, list[int]()

    async def work(number: int) -> None:
        nonlocal under_way, most
        async with turns.long():
            order.append(number)
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1

    await asyncio.gather(*map(work, range(20)))
    assert order == list(range(20))
    assert most == 4


async def test_nobody_waits_for_long_ones_that_take_too_long() -> None:
    turns, never = Turns(patience=0.01), asyncio.Event()

    async def hang() -> None:
        async with turns.long():
            await never.wait()

    hanging = [asyncio.create_task(hang()) for _ in range(10)]
    async with asyncio.timeout(10), turns.long():
        pass
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    async with asyncio.timeout(0.005), turns.long():
        pass
