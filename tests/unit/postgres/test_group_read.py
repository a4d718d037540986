"""What is asked together is answered together, and nobody is the worse for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from iotflow_server.stores.postgres.group_read import GroupRead
from tests.support.waiting import until


class Reads:
    """Doubles numbers, once it is allowed to; remembers what was asked together."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.stopped: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def __call__(self, questions: Sequence[int]) -> list[int]:
        self.asked.append(list(questions))
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.stopped.append(list(questions))
            raise
        if 0 in questions:
            raise ValueError("0 is not doubled")
        return [2 * question for question in questions]


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def group(reads: Reads) -> GroupRead[int, int]:
    return GroupRead(reads)


async def begun(group: GroupRead[int, int], *questions: int) -> list[asyncio.Task[int]]:
    """Ask a question, and the others once it is read."""
    tasks = []
    for together in (questions[:1], questions[1:]):
        tasks += [asyncio.create_task(group.ask(question)) for question in together]
        # They ask, then the reading begins.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_at_once_goes_together(group: GroupRead[int, int], reads: Reads) -> None:
    reads.may_answer.set()
    assert await asyncio.gather(*map(group.ask, (1, 2, 3))) == [2, 4, 6]
    assert reads.asked == [[1, 2, 3]]


async def test_what_is_asked_while_others_are_answered_goes_together(group: GroupRead[int, int], reads: Reads) -> None:
    reads.may_answer.set()
    assert await asyncio.gather(*await begun(group, 1, 2, 3, 2)) == [2, 4, 6, 4]
    assert reads.asked == [[1], [2, 3, 2]]
    assert await group.ask(5) == 10


async def test_a_read_that_takes_its_time_holds_up_no_others(group: GroupRead[int, int], reads: Reads) -> None:
    tasks = await begun(group, 1, 2, 3)
    await until(lambda: reads.asked == [[1], [2, 3]])
    tasks += await begun(group, 4)
    await until(lambda: reads.asked == [[1], [2, 3], [4]])
    reads.may_answer.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]


async def test_no_more_than_64_go_together(group: GroupRead[int, int], reads: Reads) -> None:
    tasks = await begun(group, *range(1, 200))
    reads.may_answer.set()
    assert await asyncio.gather(*tasks) == [2 * number for number in range(1, 200)]
    assert max(map(len, reads.asked)) == 64


async def test_a_failure_is_told_to_those_it_concerns(group: GroupRead[int, int], reads: Reads) -> None:
    reads.may_answer.set()
    first, second, third = await asyncio.gather(*await begun(group, 1, 0, 2), return_exceptions=True)
    assert first == 2
    assert isinstance(second, ValueError)
    assert isinstance(third, ValueError)
    assert await group.ask(4) == 8


async def test_who_goes_away_takes_nothing_from_the_others(group: GroupRead[int, int], reads: Reads) -> None:
    first, second, third, fourth = await begun(group, 1, 2, 3, 4)
    fourth.cancel()
    await until(lambda: reads.asked == [[1], [2, 3]])
    second.cancel()
    reads.may_answer.set()
    assert [await first, await third] == [2, 6]
    assert reads.stopped == []


async def test_the_last_to_go_away_stops_the_reading(group: GroupRead[int, int], reads: Reads) -> None:
    tasks = await begun(group, 1, 2, 3)
    await until(lambda: len(reads.asked) == 2)
    for task in tasks:
        task.cancel()
    await until(lambda: reads.stopped == [[1], [2, 3]])
    reads.may_answer.set()
    assert await group.ask(4) == 8
