"""A transition whose drain does not come to its end is given up like any other that does not get on."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from iotflow_server.composition.core import Core, core_of
from iotflow_server.composition.fleet import controller_of, join_fleet
from iotflow_server.config import IotdbSettings
from iotflow_server.migration.controller import MigrationController
from iotflow_server.migration.status import MigrationStatus, TransitionUndoneError
from iotflow_server.observability.metrics import Metrics
from iotflow_server.routing.dirty import DirtyRange
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.selection import TimeRange
from tests.support.batches import T0, point
from tests.support.service import settings_of
from tests.support.waiting import until_told


async def test_what_cannot_be_drained_keeps_writes_strict_no_longer_than_patience(
    tmp_path: Path, postgres_dsn: str, iotdb_settings: IotdbSettings
) -> None:
    settings = settings_of(tmp_path, postgres_dsn, iotdb_settings, transition_patience_seconds=1.0)
    async with AsyncExitStack() as stack:
        core = await core_of(settings, Metrics(), stack)
        controller = controller_of(core, await join_fleet(core))
        await advance(controller)
        await until_told(lambda: nothing_is_dirty(core))
        async with core.locks.deleting(1):
            # The repair of the device waits for this lock.
            await core.dirty.add(StoreName.POSTGRES, [DirtyRange(1, TimeRange(T0, T0 + 1))])
            with pytest.raises(TransitionUndoneError, match="not confirmed within 1 s"):
                await advance(controller)
            assert core.router.stance.phase is Phase.DUAL_WRITE
            assert not core.router.stance.needs_both
            await core.router.write([point(1, T0, "n", 1)])
        await until_told(lambda: nothing_is_dirty(core))
        assert (await advance(controller)).phase is Phase.READ_POSTGRES


async def advance(controller: MigrationController) -> MigrationStatus:
    return await controller.advance(expected=None, changed_by="test", reason="", force=False)


async def nothing_is_dirty(core: Core) -> bool:
    await core.figures.look()
    return not core.figures.dirt(StoreName.POSTGRES).ranges
