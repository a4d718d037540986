"""Waiting for a repair: over when all that is dirty was noted later."""

from __future__ import annotations

import time

from iotflow_server.migration.catch_up import CatchUp


async def test_nothing_dirty_is_caught_up_at_once() -> None:
    assert await CatchUp(lambda: 0.0, patience_seconds=0).since(time.monotonic() - 1)


async def test_what_was_noted_after_the_moment_is_not_waited_for() -> None:
    assert await CatchUp(lambda: 0.5, patience_seconds=0).since(time.monotonic() - 1)


async def test_what_was_noted_before_is_waited_for_until_it_is_repaired() -> None:
    lags = iter([30.0, 30.0, 0.0])
    assert await CatchUp(lambda: next(lags), patience_seconds=1).since(time.monotonic() - 1)


async def test_patience_ends() -> None:
    assert not await CatchUp(lambda: float("inf"), patience_seconds=0.2).since(time.monotonic() - 1)
