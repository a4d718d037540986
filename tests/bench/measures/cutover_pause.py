"""The longest that a write or a read waits while the phase is moved under load."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from iotflow.telemetry import Phase
from iotflow_server.demo.fleet import Fleet
from iotflow_server.demo.gateway import Gateway, Route
from iotflow_server.demo.history import History, fill
from iotflow_server.demo.ledger import Ledger
from iotflow_server.demo.operator import Operator, Transition
from iotflow_server.demo.reader import Reader
from iotflow_server.demo.report import longest_within
from iotflow_server.demo.stand import DATABASE, Stand, stand
from tests.bench.measure import Measure, Scale
from tests.bench.result import Result
from tests.bench.worker import LoadFailedError

_DEVICES = 20
_GATEWAYS = 4
_STAY_SECONDS = 2.0


@dataclass(frozen=True)
class _Journey:
    """Milliseconds: the longest wait that met a transition, and the longest at any time."""

    in_transition: float
    at_any_time: float


def _take(measure: Measure, folder: Path, scale: Scale) -> Result:
    journeys = [asyncio.run(_journey(_made(folder / str(number)), scale)) for number in range(scale.rounds)]
    pauses = [one.in_transition / 1000 for one in journeys]
    details = {"longest at any time, s": [round(one.at_any_time / 1000, 3) for one in journeys], "failed calls": 0}
    return Result(
        measure.key, median(pauses), None, None, "s", measure.goal, len(pauses), (min(pauses), max(pauses)), details
    )


async def _journey(folder: Path, scale: Scale) -> _Journey:
    ledger, start = Ledger(), int(time.time())
    history = History(DATABASE, dict.fromkeys(range(1, _DEVICES + 1), 1), scale.of(500, 20), 1000 * (start - 86_400))
    with stand(folder, 2) as servers:
        await asyncio.to_thread(fill, servers.iotdb.host, servers.iotdb.port, history, ledger)
        await asyncio.gather(*(asyncio.to_thread(instance.start) for instance in servers.instances))
        fleet = _fleet(servers, ledger, folder, start)
        fleet.start()
        transitions = await _there(Operator(servers.addresses, lambda _: None, _nothing, folder))
        await fleet.stop()
    failures = sum(reader.failures for reader in fleet.readers)
    if failures or not fleet.is_clean:
        raise LoadFailedError(f"{failures} reads failed; clean: {fleet.is_clean}")
    writes = [wait for gateway in fleet.gateways for wait in gateway.waits]
    waits = [*writes, *(wait for reader in fleet.readers for wait in reader.waits)]
    return _Journey(longest_within(waits, transitions), max(took for _, took in waits))


def _fleet(servers: Stand, ledger: Ledger, folder: Path, start: int) -> Fleet:
    route = Route(servers.addresses, 1_000_000 * start)
    gateways = [
        Gateway(route, range(1 + first, _DEVICES + 1, _GATEWAYS), ledger, folder / f"spool-{first}", first)
        for first in range(_GATEWAYS)
    ]
    return Fleet(gateways, [Reader(servers.addresses, ledger, seed, lambda _: None) for seed in range(4)])


async def _there(operator: Operator) -> list[Transition]:
    await asyncio.sleep(_STAY_SECONDS)
    async for _ in operator.steps_to(Phase.POSTGRES_ONLY):
        await asyncio.sleep(_STAY_SECONDS)
    return operator.transitions


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _nothing() -> None:
    return


MEASURES = (Measure("cutover_pause", "value < 1, no failed call", _take),)
