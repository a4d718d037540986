"""Kills servers with SIGKILL, one at a time, and starts them again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from iotflow_server.demo.saying import Say
from iotflow_server.demo.stand import Stand
from iotflow_server.local.service import ServiceProcess


@dataclass(frozen=True)
class _Victim:
    name: str
    kill: Callable[[], object]
    start: Callable[[], object]


class Faults:
    """What happens to the servers, chosen by a seed."""

    def __init__(self, servers: Stand, seed: int, say: Say) -> None:
        # Apart, lest how long the fleet takes to make a step decides what is killed later.
        self._timed, self._within = random.Random(f"{seed}, timed"), random.Random(f"{seed}, within")
        self._say = say
        self._one_at_a_time = asyncio.Lock()
        self._victims = [
            *(_Victim(f"instance {n}", one.kill, partial(_start, one)) for n, one in enumerate(servers.instances, 1)),
            _Victim("PostgreSQL", servers.postgres.kill, servers.postgres.start),
            _Victim("IoTDB", servers.iotdb.kill, servers.iotdb.start),
        ]
        #: How often each was killed.
        self.count: Counter[str] = Counter()

    async def run(self, mean_pause: float) -> None:
        """Strike at random moments, about so many seconds apart, until cancelled; what is down then is started."""
        while True:
            await asyncio.sleep(self._timed.expovariate(1 / mean_pause))
            await asyncio.shield(self._strike(self._timed))

    async def strike_within(self, seconds: float) -> None:
        """Strike once, at a random moment within so many seconds."""
        await asyncio.sleep(self._within.uniform(0, seconds))
        await self._strike(self._within)

    async def _strike(self, chance: random.Random) -> None:
        """Kill something, and start it again a little later."""
        victim, pause = chance.choice(self._victims), chance.uniform(0, 2)
        async with self._one_at_a_time:
            self._say(f"  kill -9 of {victim.name}")
            self.count[victim.name] += 1
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(pause)
            await asyncio.to_thread(victim.start)

    async def settled(self) -> None:
        """Return once nothing is down."""
        async with self._one_at_a_time:
            pass


def _start(instance: ServiceProcess) -> None:
    """Start it again; where IoTDB has been given up since, without it, as the server then asks for."""
    try:
        instance.start()
    except RuntimeError as error:
        if "unset IOTDB_HOST" not in str(error):
            raise
        instance.unset("IOTDB_HOST")
        instance.start()
