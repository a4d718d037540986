"""Carries the fleet from phase to phase, showing what each step waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from iotflow.telemetry import Migration, Phase, TelemetryClient
from iotflow_server.demo.fleet import Fleet

POLL_SECONDS: Final = 1.0
#: Until a step's guards hold; beyond, something is wrong.
LONGEST_WAIT_SECONDS: Final = 300.0

Say = Callable[[str], None]


async def travel(client: TelemetryClient, fleet: Fleet, stay_seconds: float, say: Say) -> None:
    """Move from PREPARATION to POSTGRES_ONLY, staying in each phase for a while."""
    migration = await client.get_migration()
    while True:
        fleet.period = migration.phase.name
        say(f"phase {migration.phase.name}")
        await asyncio.sleep(stay_seconds)
        if migration.phase is Phase.POSTGRES_ONLY:
            return
        await _until_ready(client, say)
        migration = await client.advance_phase(
            expected_phase=migration.phase, changed_by="demo", reason="the demo goes on"
        )


async def _until_ready(client: TelemetryClient, say: Say) -> None:
    async with asyncio.timeout(LONGEST_WAIT_SECONDS):
        while waits := _waits(migration := await client.get_migration()):
            repaired = sum(store.repaired_points for store in migration.stores)
            say(f"  waits for {waits}; {repaired:,} points carried")
            await asyncio.sleep(POLL_SECONDS)


def _waits(migration: Migration) -> str:
    return "; ".join(f"{guard.name}: {guard.finding}" for guard in migration.advance_guards if not guard.satisfied)
