from __future__ import annotations

import pytest

from iotflow_server.routing.fence import Fence
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.stream_writer import StreamWriter


class Table:
    def __init__(self) -> None:
        self.entered: list[StreamWriter] = []

    async def enter(self, writer: StreamWriter) -> None:
        self.entered.append(writer)


@pytest.mark.parametrize(
    ("phase", "attempt", "is_told"),
    [
        (Phase.DECOMMISSIONED, 2, True),
        (Phase.POSTGRES_ONLY, 2, True),
        # There is no earlier stream.
        (Phase.DECOMMISSIONED, 1, False),
        (Phase.READ_POSTGRES, 2, True),
        # PostgreSQL may be away.
        (Phase.DUAL_WRITE, 2, False),
        (Phase.PREPARATION, 2, False),
    ],
)
async def test_a_stream_is_told_of_where_an_earlier_one_may_write_at_another_process(
    phase: Phase, attempt: int, is_told: bool
) -> None:
    table = Table()
    writer = StreamWriter("gateway", attempt)
    await Fence(table, lambda: phase).enter(writer)
    assert table.entered == [writer] * is_told
