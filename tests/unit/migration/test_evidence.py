from __future__ import annotations

from collections.abc import Sequence

from iotflow_server.migration.evidence import guards_by
from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.name import StoreName


class OfReading:
    """Has a say in what begins to read PostgreSQL."""

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        if current.reads_from(StoreName.POSTGRES) or not target.reads_from(StoreName.POSTGRES):
            return ()
        return (Guard("backfill_complete", False, "3 of 4 chunks", "wait"),)


class Cut:
    """Cannot read what it knows of."""

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        raise StoreUnavailableError(StoreName.POSTGRES, "connection refused")


async def test_each_transition_gets_the_guards_of_those_that_have_a_say_in_it() -> None:
    assert await guards_by([OfReading()], Phase.PREPARATION, Phase.DUAL_WRITE) == ()
    found = await guards_by([OfReading(), OfReading()], Phase.DUAL_WRITE, Phase.READ_POSTGRES)
    assert [guard.name for guard in found] == ["backfill_complete"] * 2


async def test_evidence_that_cannot_be_read_holds_the_transition_and_says_why() -> None:
    (guard,) = await guards_by([Cut()], Phase.DUAL_WRITE, Phase.READ_POSTGRES)
    assert not guard.satisfied
    assert guard.finding == "connection refused"
