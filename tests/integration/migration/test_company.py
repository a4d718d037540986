"""Who joins notes what it writes until the others know that they are not alone any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.routing.company import Company
from iotflow_server.routing.phase import Phase
from tests.integration.migration.proof.bed import Bed
from tests.integration.migration.proof.fleet import Member
from tests.integration.migration.proof.instance import Seen
from tests.support.iotdb import IotdbServer


@pytest.fixture
def two(own_postgres: LocalPostgres, iotdb_server: IotdbServer, tmp_path: Path) -> Iterator[list[Member]]:
    """Two instances; the first one is started."""
    Bed.prepare(own_postgres)
    bed = Bed(own_postgres, iotdb_server, tmp_path)
    bed.first_phase = Phase.READ_POSTGRES
    members = [Member(bed, name) for name in ("one", "two")]
    assert members[0].start() is None
    yield members
    for member in members:
        member.kill()
    bed.close()


def _company(member: Member) -> Company:
    seen = member.ask("see")
    assert isinstance(seen, Seen)
    return seen.company


def _tick(member: Member) -> Company:
    assert member.ask("tick") is None
    return _company(member)


def test_who_joins_waits_until_the_other_knows_of_it(two: list[Member]) -> None:
    one, other = two
    assert [_tick(one), _tick(one)] == [Company.NOBODY] * 2
    assert other.start() is None
    assert [_company(one), _company(other), _tick(other)] == [Company.NOBODY, Company.STRANGERS, Company.STRANGERS]
    # It knows now, but has not told yet that it does.
    assert [_tick(one), _tick(other)] == [Company.OTHERS, Company.STRANGERS]
    assert [_tick(one), _tick(other)] == [Company.OTHERS] * 2


def test_who_is_left_alone_tells_it_before_it_acts_so(two: list[Member]) -> None:
    one, other = two
    assert other.start() is None
    _tick(one)
    other.stop()
    assert [_tick(one), _tick(one)] == [Company.OTHERS, Company.NOBODY]
