"""A turn that is undone: what was noted within it is repaired in the old direction, whoever noted it when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.migration.fleet import Step
from iotflow_server.routing.phase import Phase
from tests.integration.migration.proof.bed import Bed
from tests.integration.migration.proof.fleet import Member, look, until
from tests.integration.migration.proof.instance import Failed, Seen
from tests.support.iotdb import IotdbServer

KEYS = [(1, 0)]
_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON telemetry_data EXECUTE FUNCTION refuse();
"""
_TAKE_AGAIN = "DROP FUNCTION refuse CASCADE"


@pytest.fixture
def bed(own_postgres: LocalPostgres, iotdb_server: IotdbServer, tmp_path: Path) -> Iterator[Bed]:
    Bed.prepare(own_postgres)
    bed = Bed(own_postgres, iotdb_server, tmp_path)
    bed.first_phase = Phase.DUAL_WRITE
    yield bed
    bed.close()


@pytest.fixture
def two(bed: Bed) -> Iterator[list[Member]]:
    """Two instances that have written a point, and write strictly now."""
    members = [Member(bed, name) for name in ("one", "two")]
    for member in members:
        assert member.start() is None
    assert until(lambda: all(member.ask("tick") is None for member in members) and not any(look(bed).dirty.values()))
    assert members[0].ask("write", KEYS, 1) is None
    assert members[0].ask("move", True, False, "to be undone") is None
    while not all(_seen(member).stance.is_turning for member in members):
        for member in members:
            member.ask("tick")
    yield members
    for member in members:
        member.kill()


def _seen(member: Member) -> Seen:
    seen = member.ask("see")
    assert isinstance(seen, Seen)
    return seen


def _undo(bed: Bed, member: Member) -> None:
    bed.let_time_pass()
    while look(bed).step is not Step.UNDONE:
        member.ask("tick")
    member.ask("tick")


def _comes_to_rest(bed: Bed, members: list[Member]) -> bool:
    def is_at_rest() -> bool:
        for member in members:
            member.ask("tick")
        own = [ranges for member in members for ranges in _seen(member).dirty.values()]
        return not any(own) and not any(look(bed).dirty.values())

    return until(is_at_rest)


def test_what_is_noted_by_who_has_not_heard_of_the_end(bed: Bed, two: list[Member]) -> None:
    one, other = two
    _undo(bed, one)
    assert _seen(other).stance.is_turning
    bed.execute(_REFUSE)
    assert isinstance(other.ask("write", KEYS, 2), Failed)
    bed.execute(_TAKE_AGAIN)
    assert _comes_to_rest(bed, two)
    iotdb, postgres = bed.contents()
    assert iotdb == postgres


def test_what_was_noted_by_who_ended_before_the_turn_did(bed: Bed, two: list[Member]) -> None:
    one, other = two
    bed.stop_postgres()
    assert isinstance(other.ask("write", KEYS, 2), Failed)
    bed.start_postgres()
    other.stop()
    _undo(bed, one)
    assert other.start() is None
    assert _comes_to_rest(bed, two)
    iotdb, postgres = bed.contents()
    assert iotdb == postgres
