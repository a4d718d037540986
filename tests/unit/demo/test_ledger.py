"""What the demo's ledger says of answers: all that was acknowledged before is there, and nothing that never was."""

from __future__ import annotations

import pytest

from iotflow_server.demo.ledger import ABSENT, Ledger

SETTLED = {(1, "n"): 10, (2, "n"): 20, (3, "n"): 30, (3, "m"): 7}


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.note(1, SETTLED)
    return ledger


@pytest.mark.parametrize(
    ("count", "total", "lost", "wrong"),
    [(3, 60, 0, 0), (2, 30, 1, 1), (4, 60, 0, 1), (3, 61, 0, 1), (0, None, 3, 1)],
)
def test_where_nothing_changes_count_and_sum_are_exact(
    ledger: Ledger, count: int, total: int | None, lost: int, wrong: int
) -> None:
    verdict = ledger.check_sum(1, "n", 1, 4, ledger.now(), count, total)
    assert (verdict.written, verdict.lost, verdict.wrong) == (3, lost, wrong)


@pytest.mark.parametrize(("count", "is_clean"), [(1, False), (2, True), (3, True), (4, True), (5, False)])
def test_what_changes_meanwhile_may_be_counted_or_not(ledger: Ledger, count: int, is_clean: bool) -> None:
    ledger.expect(1, {(4, "n"): 40})
    since = ledger.now()
    ledger.note(1, {(3, "n"): ABSENT})
    assert ledger.check_sum(1, "n", 1, 5, since, count, 1).is_clean is is_clean


def test_the_newest_point_is_there_or_a_newer_one_that_came_meanwhile(ledger: Ledger) -> None:
    since = ledger.now()
    found = {(3, "n"): 30, (3, "m"): 7}
    assert ledger.check_latest(1, {"n", "m"}, since, found).is_clean
    assert ledger.check_latest(1, {"n", "m"}, since, {(3, "n"): 30}).lost == 1
    assert ledger.check_latest(1, {"n", "m"}, since, found | {(3, "n"): 31}).wrong == 1
    assert ledger.check_latest(1, {"n"}, since, {(2, "n"): 20}).lost == 1
    assert ledger.check_latest(1, {"n"}, since, {(4, "n"): 40}).wrong == 1
    ledger.expect(1, {(4, "n"): 40})
    assert ledger.check_latest(1, {"n"}, since, {(4, "n"): 40}).is_clean
    assert ledger.check_latest(1, {"n"}, since, {(3, "n"): 30}).is_clean
    ledger.note(1, {(4, "n"): 40})
    assert ledger.check_latest(1, {"n"}, ledger.now(), {(3, "n"): 30}).lost == 1


def test_a_deleted_newest_point_does_not_come_back(ledger: Ledger) -> None:
    ledger.note(1, {(3, "n"): ABSENT})
    assert ledger.check_latest(1, {"n"}, ledger.now(), {(2, "n"): 20}).is_clean
    assert ledger.check_latest(1, {"n"}, ledger.now(), {(3, "n"): 30}).wrong == 1
