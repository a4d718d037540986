"""What holds a transition up where a forced one has left something to be filled in."""

from __future__ import annotations

import pytest

from iotflow_server.migration.dirt import Dirt
from iotflow_server.migration.guards import Findings, guards_between
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName

IOTDB, POSTGRES = StoreName


def _failing(current: Phase, target: Phase, dirty: StoreName) -> list[tuple[str, bool]]:
    dirt = {store: Dirt(1, 1.0) if store is dirty else Dirt() for store in StoreName}
    findings = Findings(dict.fromkeys(StoreName, ""), dirt, (), 10.0)
    return [(each.name, each.forcible) for each in guards_between(current, target, findings) if not each.satisfied]


@pytest.mark.parametrize(
    ("current", "target", "dirty", "forcible"),
    [
        (Phase.DUAL_WRITE, Phase.READ_POSTGRES, IOTDB, False),
        (Phase.READ_POSTGRES, Phase.DUAL_WRITE, POSTGRES, False),
        # Only where both are written does the one get what the other has; and IoTDB may not come back.
        (Phase.READ_POSTGRES, Phase.POSTGRES_ONLY, POSTGRES, False),
        (Phase.POSTGRES_ONLY, Phase.DECOMMISSIONED, POSTGRES, False),
        (Phase.DUAL_WRITE, Phase.PREPARATION, IOTDB, True),
    ],
)
def test_what_is_read_has_to_be_whole_before_it_gets_nothing_more(
    current: Phase, target: Phase, dirty: StoreName, forcible: bool
) -> None:
    assert _failing(current, target, dirty) == [("primary_whole", forcible)]


@pytest.mark.parametrize(
    ("current", "target", "dirty"),
    [
        (Phase.READ_POSTGRES, Phase.POSTGRES_ONLY, IOTDB),
        (Phase.DUAL_WRITE, Phase.PREPARATION, POSTGRES),
        (Phase.POSTGRES_ONLY, Phase.READ_POSTGRES, POSTGRES),
        (Phase.PREPARATION, Phase.DUAL_WRITE, POSTGRES),
    ],
)
def test_what_is_left_behind_or_caught_up_with_may_differ(current: Phase, target: Phase, dirty: StoreName) -> None:
    assert _failing(current, target, dirty) == []
