from __future__ import annotations

import asyncio

import pytest

from iotflow_server.routing.fence import Fence
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import WriterSupersededError
from iotflow_server.stores.stream_writer import StreamWriter


class Table:
    def __init__(self) -> None:
        self.entered: list[StreamWriter] = []

        self.taken_over: list[StreamWriter] = []

    async def enter(self, writer: StreamWriter) -> None:
        self.entered.append(writer)

    async def take_over(self, writer: StreamWriter) -> None:
        self.taken_over.append(writer)


@pytest.mark.parametrize(
    ("phase", "attempt", "is_entered", "is_told"),
    [
        (Phase.DECOMMISSIONED, 2, True, False),
        (Phase.POSTGRES_ONLY, 2, True, False),
        # There is no earlier stream.
        (Phase.DECOMMISSIONED, 1, False, False),
        (Phase.PREPARATION, 1, False, False),
        # IoTDB keeps nobody away.
        (Phase.READ_POSTGRES, 2, True, True),
        (Phase.DUAL_WRITE, 2, True, True),
        (Phase.PREPARATION, 2, True, True),
    ],
)
async def test_a_stream_is_told_of_where_an_earlier_one_may_write_at_another_process(
    phase: Phase, attempt: int, is_entered: bool, is_told: bool
) -> None:
    table = Table()
    writer = StreamWriter("gateway", attempt)
    await Fence(table, table, lambda: phase).enter(writer)
    assert (table.entered, table.taken_over) == ([writer] * is_entered, [writer] * is_told)


async def test_a_later_stream_waits_for_what_is_under_way_and_nothing_earlier_begins_after_it() -> None:
    fence = Fence(Table(), Table(), lambda: Phase.DUAL_WRITE)
    earlier, later, other = StreamWriter("gateway", 1), StreamWriter("gateway", 2), StreamWriter("other", 1)
    async with fence.passing([other]):
        async with fence.passing([earlier]), fence.passing([earlier, other]):
            ended = asyncio.create_task(fence.ended(later))
            await asyncio.sleep(0)
            with pytest.raises(WriterSupersededError):
                await fence.passing([other, earlier]).__aenter__()
            assert not ended.done()
        await ended
        async with fence.passing([later, other]):
            pass
