"""Records are chosen by their quality."""

from __future__ import annotations

from iotflow_server.query.quality import rows_of_quality
from tests.support.batches import batch, points_of


def test_rows_of_a_quality_are_kept_with_all_they_hold() -> None:
    whole = batch(1, [1, 2, 3], a=[1, None, 3], b=[None, 5, 6], meta_quality_flag=[4, 4, 7])
    found = rows_of_quality(whole, frozenset({4}))
    assert found is not None
    assert points_of([found]) == points_of([batch(1, [1, 2], a=[1, None], b=[None, 5], meta_quality_flag=[4, 4])])


def test_what_has_no_quality_counts_as_0() -> None:
    some = batch(1, [1, 2], a=[1, 2], meta_quality_flag=[None, 4])
    none = batch(1, [1, 2], a=[1, 2])
    assert [len(found.timestamps) for each in (some, none) if (found := rows_of_quality(each, frozenset({0})))] == [
        1,
        2,
    ]
    assert rows_of_quality(none, frozenset({1})) is None


def test_what_is_no_32_bit_integer_counts_as_0() -> None:
    for flag in ("bad", 2**31):
        odd = batch(1, [1], a=[1], meta_quality_flag=[flag])
        assert rows_of_quality(odd, frozenset({0})) is odd


def test_without_flags_every_row_is_kept() -> None:
    whole = batch(1, [1], a=[1], meta_quality_flag=[4])
    assert rows_of_quality(whole, None) is whole
