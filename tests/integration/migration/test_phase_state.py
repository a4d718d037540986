"""A change of the phase that was cut off is finished or does not count, and nobody has to guess which."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotflow_server.migration.phase_state import PhaseState
from iotflow_server.migration.postgres_phases import PostgresPhases
from iotflow_server.migration.status import PhaseChange
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.store import PostgresStore


class Unreliable(PostgresPhases):
    """PostgreSQL, lost before or after it has stored a change."""

    is_away = False
    loses_answer = False

    async def history(self, limit: int) -> list[PhaseChange]:
        self._check()
        return await super().history(limit)

    async def append(self, change: PhaseChange) -> bool:
        self._check()
        done = await super().append(change)
        if self.loses_answer:
            raise StoreUnavailableError(StoreName.POSTGRES, "lost")
        return done

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailableError(StoreName.POSTGRES, "away")


@pytest.fixture
def table(postgres_store: PostgresStore) -> Unreliable:
    return Unreliable(postgres_store.pool)


@pytest.fixture
async def state(table: Unreliable, tmp_path: Path) -> PhaseState:
    return await started(table, tmp_path)


async def started(table: Unreliable, folder: Path) -> PhaseState:
    state = PhaseState(table, folder / "phase.json")
    await state.load(Phase.PREPARATION)
    await state.enter()
    return state


async def phases(table: Unreliable) -> list[Phase]:
    return [change.phase for change in await table.history(10)]


async def test_the_phase_is_found_again_with_and_without_postgres(
    state: PhaseState, table: Unreliable, tmp_path: Path
) -> None:
    assert await state.move(Phase.DUAL_WRITE, "me", "because", forced=False)
    assert (await started(table, tmp_path)).known == state.known
    table.is_away = True
    assert await PhaseState(table, tmp_path / "phase.json").load(Phase.PREPARATION) == state.known


async def test_a_change_that_was_not_confirmed_does_not_count(
    state: PhaseState, table: Unreliable, tmp_path: Path
) -> None:
    await state.move(Phase.DUAL_WRITE, "me", "because", forced=False)
    table.loses_answer = True
    with pytest.raises(StoreUnavailableError):
        await state.move(Phase.READ_POSTGRES, "me", "because", forced=False)
    table.loses_answer = False
    assert state.known.phase is Phase.DUAL_WRITE
    assert (await phases(table))[0] is Phase.READ_POSTGRES
    assert (await started(table, tmp_path)).known.phase is Phase.DUAL_WRITE
    assert (await phases(table))[0] is Phase.DUAL_WRITE


async def test_the_next_change_first_undoes_one_that_was_not_confirmed(state: PhaseState, table: Unreliable) -> None:
    table.loses_answer = True
    with pytest.raises(StoreUnavailableError):
        await state.move(Phase.DUAL_WRITE, "me", "because", forced=False)
    table.loses_answer = False
    assert await state.move(Phase.DUAL_WRITE, "me", "again", forced=False)
    assert await phases(table) == [Phase.DUAL_WRITE, Phase.PREPARATION, Phase.DUAL_WRITE, Phase.PREPARATION]


async def test_a_start_without_postgres_waits_for_it_where_a_change_was_under_way(
    state: PhaseState, table: Unreliable, tmp_path: Path
) -> None:
    (tmp_path / "phase.json").write_text('{"epoch": 1, "phase": "PREPARATION", "certainty": "moving"}')
    table.is_away = True
    with pytest.raises(StoreUnavailableError, match="under way"):
        await PhaseState(table, tmp_path / "phase.json").load(Phase.PREPARATION)
    table.is_away = False
    assert (await started(table, tmp_path)).known == state.known


async def test_only_one_of_two_instances_moves_the_phase(state: PhaseState, table: Unreliable, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = await started(table, tmp_path / "other")
    assert await state.move(Phase.DUAL_WRITE, "me", "because", forced=False)
    assert not await other.move(Phase.DUAL_WRITE, "you", "because", forced=False)
