from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.rounds import VICTIMS, Round, rounds


@pytest.mark.parametrize("workers", [1, 2])
async def test_nothing_acknowledged_is_lost_whatever_is_killed(workers: int, tmp_path: Path) -> None:
    told: list[Round] = []
    await rounds(list(VICTIMS), 3, workers, tmp_path, told.append)
    assert [(one.victim, one.lost, one.wrong) for one in told] == [(victim, 0, 0) for victim in VICTIMS]
    assert told[-1].acknowledged > 0
