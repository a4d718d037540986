"""Jobs copy nothing while the stores change places."""

from __future__ import annotations

import asyncio

from iotflow_server.migration.copy_gate import CopyGate


async def test_who_closes_waits_for_the_copy_under_way() -> None:
    gate, may_end = CopyGate(), asyncio.Event()

    async def copy() -> None:
        async with gate.copying():
            await may_end.wait()

    copying = asyncio.create_task(copy())
    await asyncio.sleep(0)
    closing = asyncio.create_task(gate.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    may_end.set()
    await closing
    await copying


async def test_nothing_begins_until_it_is_opened_again() -> None:
    gate, begun = CopyGate(), asyncio.Event()
    await gate.close()

    async def copy() -> None:
        async with gate.copying():
            begun.set()

    copying = asyncio.create_task(copy())
    await asyncio.sleep(0.01)
    assert not begun.is_set()
    gate.open()
    await copying
    assert begun.is_set()
    await gate.close()


async def test_who_is_cancelled_while_waiting_leaves_it_free() -> None:
    gate = CopyGate()
    await gate.close()

    async def copy() -> None:
        async with gate.copying():
            pass

    copying = asyncio.create_task(copy())
    await asyncio.sleep(0.01)
    copying.cancel()
    await asyncio.gather(copying, return_exceptions=True)
    gate.open()
    await gate.close()
