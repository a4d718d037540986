"""``make demo``: carries a simulated fleet from a real IoTDB to PostgreSQL, and counts what was lost or wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from iotflow.telemetry import Phase
from iotflow_server.demo.faults import Faults
from iotflow_server.demo.fleet import Fleet
from iotflow_server.demo.gateway import PAUSE_SECONDS, Gateway, Route
from iotflow_server.demo.history import History, fill
from iotflow_server.demo.ledger import Ledger
from iotflow_server.demo.operator import Operator
from iotflow_server.demo.reader import Reader
from iotflow_server.demo.report import report
from iotflow_server.demo.stand import DATABASE, Stand, stand
from iotflow_server.local.ending import end_as_by_ctrl_c
from iotflow_server.local.iotdb import IotdbUnavailableError
from iotflow_server.local.postgres import LocalPostgresError

#: Within so many seconds of the beginning of a transition a server is killed.
_INTO_TRANSITION_SECONDS: Final = 2.0
_THERE: Final = (Phase.POSTGRES_ONLY,)
_THERE_AND_BACK: Final = (Phase.POSTGRES_ONLY, Phase.PREPARATION, Phase.DECOMMISSIONED)


def main() -> None:
    """Run the demo; exit code 1 where a point was lost or wrong, or a part is missing."""
    options = _options()
    end_as_by_ctrl_c()
    is_clean = True
    for seed in range(options.seed, options.seed + options.seeds):
        with tempfile.TemporaryDirectory(prefix="iotflow-demo-") as folder, ExitStack() as stack:
            try:
                _say(f"seed {seed}: starting a real IoTDB and PostgreSQL ...")
                servers = stack.enter_context(stand(Path(folder), options.instances))
            except (IotdbUnavailableError, LocalPostgresError) as error:
                sys.exit(f"demo: {error}")
            is_clean &= asyncio.run(_Demo(Path(folder), servers, options, seed).run())
    sys.exit(0 if is_clean else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--devices", type=int, default=20, help="devices of the fleet, all with a history")
    parser.add_argument("--gateways", type=int, default=4, help="gateways that stream throughout")
    parser.add_argument("--readers", type=int, default=4, help="readers that check every answer")
    parser.add_argument("--records", type=int, default=2_000, help="records of history for each device")
    parser.add_argument("--instances", type=int, default=2, help="instances of the service")
    parser.add_argument("--pause", type=float, default=PAUSE_SECONDS, help="seconds between two rounds of a gateway")
    parser.add_argument("--stay", type=float, default=3.0, help="seconds to stay in each phase at least")
    parser.add_argument("--there-and-back", action="store_true", help="forward, back, and forward to DECOMMISSIONED")
    parser.add_argument("--kills", type=float, default=0.0, help="kill a server about every so many seconds; 0: never")
    parser.add_argument("--seed", type=int, default=1, help="of all that is left to chance")
    parser.add_argument("--seeds", type=int, default=1, help="run so many times, each with the next seed")
    return parser.parse_args()


class _Demo:
    def __init__(self, folder: Path, servers: Stand, options: argparse.Namespace, seed: int) -> None:
        self._servers = servers
        self._options = options
        self._ledger = Ledger()
        now_ms = int(time.time() * 1000)
        # Every third device belongs to nobody, as the oldest ones did.
        self._owners = {device: 1 + device % 5 if device % 3 else 0 for device in range(1, options.devices + 1)}
        self._history = History(DATABASE, self._owners, options.records, now_ms - 1000 * options.records - 3_600_000)
        self._faults = Faults(servers, seed, _say)
        self._operator = Operator(servers.addresses, _say, self._meanwhile(), folder)
        route = Route(servers.addresses, now_ms * 1000, options.pause)
        self._fleet = Fleet(self._gateways(route, folder, seed), self._readers(seed))

    async def run(self) -> bool:
        """Whether nothing was lost, wrong or rejected."""
        await asyncio.to_thread(self._prepare)
        self._fleet.start()
        killing = asyncio.create_task(self._kill())
        for target in _THERE_AND_BACK if self._options.there_and_back else _THERE:
            await self._travel(target)
        killing.cancel()
        await self._faults.settled()
        await self._fleet.stop()
        verdict = await self._ledger.compare(self._servers.postgres.dsn)
        report(self._fleet, self._operator.transitions, self._faults, verdict, _say)
        return verdict.is_clean and self._fleet.is_clean

    def _gateways(self, route: Route, folder: Path, seed: int) -> list[Gateway]:
        devices, count = sorted(self._owners), self._options.gateways
        return [
            Gateway(route, devices[number::count], self._ledger, folder / f"spool-{number}", 1000 * seed + number)
            for number in range(count)
        ]

    def _readers(self, seed: int) -> list[Reader]:
        seeds = range(1000 * seed + 500, 1000 * seed + 500 + self._options.readers)
        return [Reader(self._servers.addresses, self._ledger, each, _say) for each in seeds]

    def _prepare(self) -> None:
        fill(self._servers.iotdb.host, self._servers.iotdb.port, self._history, self._ledger)
        _say(f"filled IoTDB with {len(self._ledger):,} points of history in the older system's layouts")
        for instance in self._servers.instances:
            instance.start()
        _say(f"{len(self._servers.instances)} instances serve; phase PREPARATION")

    async def _travel(self, target: Phase) -> None:
        await asyncio.sleep(self._options.stay)
        async for _ in self._operator.steps_to(target):
            self._fleet.check()
            await asyncio.sleep(self._options.stay)

    async def _kill(self) -> None:
        if self._options.kills:
            await self._faults.run(self._options.kills)

    def _meanwhile(self) -> Callable[[], Awaitable[None]]:
        async def strike() -> None:
            if self._options.kills:
                await self._faults.strike_within(_INTO_TRANSITION_SECONDS)

        return strike


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
