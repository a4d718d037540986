"""Rounds of trouble: something is killed while gateways stream at full speed; what was acknowledged must be stored."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.chaos.gateway_process import GatewayProcess, check, writes_more
from tests.support.gateway import BASE_US, ROWS, Gateway

STREAMS: Final = 4
#: Devices of the gateway process lie below.
_FIRST_DEVICE: Final = 100
VICTIMS: Final = ("service", "postgres", "gateway")
#: Longest wait for all to go on after a kill, in seconds.
_PATIENCE: Final = 60.0

_HELD = """
SELECT count(*) FILTER (WHERE timestamp < $2 AND integer_value = moment) AS right,
    count(*) FILTER (WHERE integer_value <> moment) AS wrong
FROM (
    SELECT timestamp, integer_value, (extract(epoch FROM timestamp) * 1000000)::bigint - $3 AS moment
    FROM telemetry_data WHERE device_id = $1 AND measurement_name = 'row'
) AS rows
"""


@dataclass(frozen=True)
class Round:
    """What became of one round: acknowledged rows of the streams that are lost, and rows that nobody has sent so."""

    victim: str
    seconds: float
    acknowledged: int
    lost: int
    wrong: int


async def rounds(victims: list[str], seed: int, workers: int, folder: Path, tell: Callable[[Round], None]) -> None:
    """Kill one victim after the other at random moments, and look into PostgreSQL after each.

    :raises AssertionError: the gateway process had a write return that is not stored.
    """
    chance = random.Random(seed)
    with ExitStack() as stack:
        postgres = LocalPostgres(folder / "postgres")
        await asyncio.to_thread(postgres.start)
        stack.callback(postgres.stop)
        settings = {"IOTFLOW_POSTGRES_DSN": postgres.dsn, "IOTFLOW_WORKERS": str(workers)}
        service = ServiceProcess(folder / "service", settings)
        await asyncio.to_thread(service.start)
        stack.callback(service.kill)
        process = GatewayProcess(service.address, folder)
        await asyncio.to_thread(process.start)
        streams = [Gateway(service.address, _FIRST_DEVICE + number) for number in range(STREAMS)]
        tasks = [asyncio.create_task(stream.run()) for stream in streams]
        for victim in victims:
            begin = time.monotonic()
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            await _kill(victim, service, postgres, process)
            await _all_go_on(streams, process)
            tell(Round(victim, time.monotonic() - begin, *await _looked_at(postgres.dsn, streams)))
        for stream in streams:
            stream.stop.set()
        await asyncio.gather(*tasks)
        await asyncio.to_thread(process.kill)
        await check(process, postgres.dsn)


async def _kill(victim: str, service: ServiceProcess, postgres: LocalPostgres, process: GatewayProcess) -> None:
    match victim:
        case "service":
            await asyncio.to_thread(service.kill)
            await asyncio.to_thread(service.start)
        case "postgres":
            await asyncio.to_thread(postgres.stop, "immediate")
            await asyncio.to_thread(postgres.start)
        case _:
            await asyncio.to_thread(process.kill)
            await asyncio.to_thread(process.start)


async def _all_go_on(streams: list[Gateway], process: GatewayProcess) -> None:
    before = [stream.acknowledged for stream in streams]
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*(stream.beyond(then) for stream, then in zip(streams, before, strict=True)))
        await writes_more(process, 20)


async def _looked_at(dsn: str, streams: list[Gateway]) -> tuple[int, int, int]:
    """Acknowledged, lost and wrong rows of all streams, as PostgreSQL itself tells."""
    acknowledged = lost = wrong = 0
    connection = await asyncpg.connect(dsn)
    for stream in streams:
        rows = stream.acknowledged * ROWS
        end = await connection.fetchval("SELECT to_timestamp($1::float8 / 1000000)", BASE_US + rows)
        (held,) = await connection.fetch(_HELD, stream.device_id, end, BASE_US)
        acknowledged, lost, wrong = acknowledged + rows, lost + rows - held["right"], wrong + held["wrong"]
    await connection.close()
    return acknowledged, lost, wrong
