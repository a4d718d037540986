from __future__ import annotations

import asyncio

import pytest

from iotflow_server.stores.postgres.room import Room


async def test_as_many_go_in_as_there_is_room_for() -> None:
    room = Room(2)
    assert (room.enter(), room.enter(), room.enter()) == (True, True, False)
    room.leave()
    assert (room.enter(), room.enter()) == (True, False)


async def test_those_who_wait_are_let_in_one_by_one_in_their_order() -> None:
    room, came = Room(1), list[int]()
    assert room.enter()

    async def user(number: int) -> None:
        await room.wait(10)
        came.append(number)

    users = [asyncio.create_task(user(number)) for number in range(2)]
    await asyncio.sleep(0)
    room.leave()
    assert not room.enter()
    await users[0]
    assert came == [0]
    room.leave()
    await users[1]
    room.leave()
    assert room.enter()


async def test_whoever_waits_too_long_is_told_and_takes_no_room() -> None:
    room = Room(1)
    assert room.enter()
    with pytest.raises(TimeoutError):
        await room.wait(0.001)
    room.leave()
    assert room.enter()


@pytest.mark.parametrize("is_called", [False, True])
async def test_whoever_is_cancelled_leaves_the_room_to_others(is_called: bool) -> None:
    room = Room(1)
    assert room.enter()
    waiting = asyncio.create_task(room.wait(10))
    await asyncio.sleep(0)
    if is_called:
        room.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_called:
        room.leave()
    assert room.enter()
