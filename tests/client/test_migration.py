"""Both clients show and watch a migration that is over."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from iotflow.telemetry import BlockingTelemetryClient, InvalidArgumentError, Phase, TelemetryClient, TelemetryError
from tests.support.waiting import until_told


async def test_where_it_stands_is_shown_and_watched(client: TelemetryClient) -> None:
    now = await client.get_migration()
    assert (now.phase, now.shadow_mismatches, now.jobs, now.instances) == (Phase.DECOMMISSIONED, 0, (), ())
    async with asyncio.timeout(60), aclosing(client.watch_migration(every=1)) as watch:  # type: ignore[type-var]
        assert [(await anext(watch)).epoch for _ in range(2)] == [now.epoch] * 2


async def test_rates_are_those_of_the_last_seconds(client: TelemetryClient, device: int) -> None:
    async def told() -> bool:
        await client.query(device_ids=[device])
        (store,) = (await client.get_migration()).stores
        return min(store.reads_per_second, store.read_p95_seconds) > 0

    await until_told(told)


def test_the_blocking_twin_shows_and_watches_it_too(blocking: BlockingTelemetryClient) -> None:
    seen = [migration.phase for migration, _ in zip(blocking.watch_migration(every=1), range(2), strict=False)]
    assert seen == [Phase.DECOMMISSIONED] * 2
    assert blocking.list_instances() == ()
    assert blocking.list_shadow_mismatches().mismatches == ()


async def test_what_there_is_not_is_named(client: TelemetryClient, blocking: BlockingTelemetryClient) -> None:
    with pytest.raises(TelemetryError, match="no instance has the id 'nobody'"):
        await client.remove_instance("nobody")
    with pytest.raises(TelemetryError, match="there is no job 77"):
        await client.get_verification_report(77)
    with pytest.raises(TelemetryError, match="there is no mismatch 77"):
        await client.replay_shadow_mismatch(77)
    with pytest.raises(InvalidArgumentError, match="every_seconds"):
        await anext(client.watch_migration(every=0.5))

    def ask() -> None:
        with pytest.raises(TelemetryError, match="no instance has the id 'nobody'"):
            blocking.remove_instance("nobody")
        with pytest.raises(TelemetryError, match="there is no job 77"):
            blocking.get_verification_report(77)
        with pytest.raises(TelemetryError, match="there is no mismatch 77"):
            blocking.replay_shadow_mismatch(77)

    await asyncio.to_thread(ask)
