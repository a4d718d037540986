"""What an instance of the proof does in its own process: it does as it is told, and nothing of its own accord.

It is made of the parts of a real server, but that the fleet's heartbeat is left to the test, and that nothing listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TextIO

from iotflow_server.composition.core import Core, core_of
from iotflow_server.composition.fleet import Member, controller_of, join_fleet
from iotflow_server.composition.foundation import explained
from iotflow_server.config import Settings
from iotflow_server.ingest.waiter import FutureWaiter
from iotflow_server.migration import controller
from iotflow_server.observability.logs import configure_logging
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.company import Company
from iotflow_server.routing.stance import Stance
from iotflow_server.stores.batch import Batch
from iotflow_server.stores.frame_builder import FrameBuilder
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import Selection, TimeRange
from tests.integration.migration.proof.mortal import MortalSelector
from tests.support.batches import MS, T0, batch, collect

#: A device and a millisecond.
Key = tuple[int, int]
DEVICES = (1, 2)


@dataclass(frozen=True)
class Order:
    """What to do. ``turns``: of the event loop until the process dies, unless it is done by then; None: it lives on."""

    number: int
    method: str
    arguments: tuple[Any, ...]
    turns: int | None


@dataclass(frozen=True)
class Failed:
    """It raised."""

    error: str
    message: str


@dataclass(frozen=True)
class Seen:
    """What an instance acts by. ``dirty``: ranges on its own disk."""

    instance_id: str
    epoch: int
    revision: int
    stance: Stance
    company: Company
    dirty: dict[StoreName, int]


def live(orders: Connection, settings: Settings, turns: int | None) -> None:
    """Start, and follow orders until the process is killed or told to stop."""
    selector = MortalSelector()
    selector.turns_left = turns
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (
        (settings.data_dir / "log").open("a") as log,
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner,
    ):
        runner.run(_Life(orders, settings, selector).lead(log))


class _Life:
    def __init__(self, orders: Connection, settings: Settings, selector: MortalSelector) -> None:
        self._orders = orders
        self._settings = settings
        self._selector = selector
        self._work: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()

    async def lead(self, log: TextIO) -> None:
        configure_logging("INFO", "json", log)
        # Whoever asks for a transition is answered once it has begun: the test decides when it goes on.
        controller.LONGEST_WAIT_SECONDS = 0.0  # type: ignore[misc]  # it is Final
        async with AsyncExitStack() as stack:
            try:
                instance = await _started(self._settings, stack)
            except Exception as error:
                self._orders.send((0, Failed(type(error).__name__, str(error))))
                return
            self._selector.turns_left = None
            self._orders.send((0, None))
            asyncio.get_running_loop().add_reader(self._orders.fileno(), self._take, instance)
            await self._end.wait()
        self._orders.send((-1, None))

    def _take(self, instance: Instance) -> None:
        order = self._orders.recv()
        if order is None:
            asyncio.get_running_loop().remove_reader(self._orders.fileno())
            self._end.set()
            return
        task = asyncio.create_task(self._follow(instance, order))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _follow(self, instance: Instance, order: Order) -> None:
        self._selector.turns_left = order.turns
        try:
            answer = await getattr(instance, order.method)(*order.arguments)
        except Exception as error:
            answer = Failed(type(error).__name__, str(error))
        self._selector.turns_left = None
        self._orders.send((order.number, answer))


async def _started(settings: Settings, stack: AsyncExitStack) -> Instance:
    with explained():
        core = await core_of(settings, Metrics(), stack)
        member = await join_fleet(core)
    (heart,) = (task for task in asyncio.all_tasks() if task.get_name() == "fleet")
    heart.cancel()
    await asyncio.gather(heart, return_exceptions=True)
    return Instance(core, member)


class Instance:
    """What a test may ask of an instance."""

    def __init__(self, core: Core, member: Member) -> None:
        self._core = core
        self._member = member
        self._controller = controller_of(core, member)

    async def tick(self) -> None:
        """What the heartbeat does once a second."""
        await self._member.agent.tick()

    async def write(self, keys: Sequence[Key], value: int) -> None:
        """Write one value to points."""
        await self._core.registry.register_unknown({device: 0 for device, _ in keys})
        waiter = FutureWaiter()
        self._member.ingest.write(_Points(keys, value), waiter)
        await waiter.future

    async def delete(self, device: int, start: int, end: int) -> None:
        """Delete a device's points from one millisecond to another, exclusive."""
        selection = Selection((device,), None, TimeRange(T0 + start * MS, T0 + end * MS))
        await self._member.ingest.delete(device, selection)

    async def read(self) -> dict[Key, int]:
        """Every point, by the store that reads come from."""
        batches = await collect(self._core.router.primary().scan(Selection(DEVICES)))
        return {
            (each.device_id, (moment - T0) // MS): value
            for each in batches
            for column in each.columns
            for moment, value in zip(column.timestamps(each.timestamps).tolist(), column.values.tolist(), strict=True)
        }

    async def move(self, is_forward: bool, is_forced: bool, reason: str) -> None:
        """Ask for a transition; it goes on with the ticks of all instances."""
        ask = self._controller.advance if is_forward else self._controller.roll_back
        await ask(expected=None, changed_by=self._core.settings.known_as, reason=reason, force=is_forced)

    async def remove(self, instance_id: str) -> None:
        """Say that another instance is dead."""
        await self._controller.remove_instance(instance_id)

    async def see(self) -> Seen:
        """What it acts by."""
        state, dirt = self._member.agent.state, self._core.dirty.local.dirt()
        dirty = {store: dirt[store].ranges for store in StoreName}
        router = self._core.router
        return Seen(self._member.agent.instance_id, state.epoch, state.revision, router.stance, router.company, dirty)


class _Points:
    """Implements ingest.writable.Writable."""

    nbytes = size = 1

    def __init__(self, keys: Sequence[Key], value: int) -> None:
        self.devices = frozenset(device for device, _ in keys)
        self._batches = [_batch(device, [at for of, at in keys if of == device], value) for device in self.devices]

    def add_to(self, frame: FrameBuilder, precision_us: int) -> None:
        for each in self._batches:
            frame.add_batch(each)


def _batch(device: int, moments: Sequence[int], value: int) -> Batch:
    return batch(device, [T0 + at * MS for at in sorted(set(moments))], n=[value] * len(set(moments)))
