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


@dataclass(frozen=True)
class _Size:
    """How much goes on: ``readers`` are as many as gateways; ``stay`` is in seconds, in each phase."""

    devices: int
    gateways: int
    records: int
    stay: float


_FULL = _Size(devices=20, gateways=4, records=500, stay=2.0)
_QUICK = _Size(devices=4, gateways=2, records=20, stay=0.5)


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
    size = _QUICK if scale.is_quick else _FULL
    history = History(DATABASE, dict.fromkeys(range(1, size.devices + 1), 1), size.records, 1000 * (start - 86_400))
    with stand(folder, 2, scale.iotdb and scale.iotdb()) as servers:
        await asyncio.to_thread(fill, servers.iotdb.host, servers.iotdb.port, history, ledger)
        await asyncio.gather(*(asyncio.to_thread(instance.start) for instance in servers.instances))
        fleet = _fleet(servers, ledger, folder, start, size)
        fleet.start()
        transitions = await _there(Operator(servers.addresses, lambda _: None, _nothing, folder), size.stay)
        await fleet.stop()
    failures = sum(reader.failures for reader in fleet.readers)
    if failures or not fleet.is_clean:
        raise LoadFailedError(f"{failures} reads failed; clean: {fleet.is_clean}")
    writes = [wait for gateway in fleet.gateways for wait in gateway.waits]
    waits = [*writes, *(wait for reader in fleet.readers for wait in reader.waits)]
    return _Journey(longest_within(waits, transitions), max(took for _, took in waits))


def _fleet(servers: Stand, ledger: Ledger, folder: Path, start: int, size: _Size) -> Fleet:
    route = Route(servers.addresses, 1_000_000 * start)
    gateways = [
        Gateway(route, range(1 + first, size.devices + 1, size.gateways), ledger, folder / f"spool-{first}", first)
        for first in range(size.gateways)
    ]
    return Fleet(gateways, [Reader(servers.addresses, ledger, seed, lambda _: None) for seed in range(size.gateways)])


async def _there(operator: Operator, stay: float) -> list[Transition]:
    await asyncio.sleep(stay)
    async for _ in operator.steps_to(Phase.POSTGRES_ONLY):
        await asyncio.sleep(stay)
    return operator.transitions


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _nothing() -> None:
    return


MEASURES = (Measure("cutover_pause", "value < 1, no failed call", _take),)
