from __future__ import annotations

import pytest

from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName

BOTH = {StoreName.IOTDB, StoreName.POSTGRES}
TABLE = [
    (Phase.PREPARATION, {StoreName.IOTDB}, StoreName.IOTDB, None),
    (Phase.DUAL_WRITE, BOTH, StoreName.IOTDB, StoreName.POSTGRES),
    (Phase.READ_POSTGRES, BOTH, StoreName.POSTGRES, StoreName.IOTDB),
    (Phase.POSTGRES_ONLY, {StoreName.POSTGRES}, StoreName.POSTGRES, None),
    (Phase.DECOMMISSIONED, {StoreName.POSTGRES}, StoreName.POSTGRES, None),
]


@pytest.mark.parametrize(("phase", "written", "primary", "secondary"), TABLE)
def test_each_phase_writes_and_reads_as_the_design_says(
    phase: Phase, written: set[StoreName], primary: StoreName, secondary: StoreName | None
) -> None:
    assert {store for store in StoreName if phase.writes_to(store)} == written
    assert phase.primary is primary
    assert phase.secondary is secondary


@pytest.mark.parametrize("phase", list(Phase))
def test_neighbours_always_share_a_written_store(phase: Phase) -> None:
    if phase.next is not None:
        assert any(phase.writes_to(store) and phase.next.writes_to(store) for store in StoreName)


def test_a_walk_forward_visits_every_phase_and_ends() -> None:
    walked, phase = [], Phase.PREPARATION
    while phase is not None:
        walked.append(phase)
        phase = phase.next  # type: ignore[assignment]  # the loop ends at None
    assert walked == list(Phase)


def test_there_is_no_way_back_from_the_ends() -> None:
    assert Phase.PREPARATION.previous is None
    assert Phase.DECOMMISSIONED.previous is None
    assert Phase.POSTGRES_ONLY.previous is Phase.READ_POSTGRES


def test_an_unknown_word_lists_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match="PREPARATION, DUAL_WRITE"):
        Phase.parse("sideways")
    assert Phase.parse(" dual_write ") is Phase.DUAL_WRITE
