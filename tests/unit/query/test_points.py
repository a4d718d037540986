"""Batches become lists of points in the order of their query, with the metadata of their records."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.metadata import RecordFacts
from iotflow_server.query.point_list import PointList
from iotflow_server.query.points import by_series, fitting, in_time, key_of
from iotflow_server.query.rows import measured_rows
from iotflow_server.stores.batch import Batch, Kind
from iotflow_server.stores.points import Points
from iotflow_server.stores.records import MAX_SPANS, spans
from iotflow_server.stores.selection import PointKey
from tests.support.batches import batch, batch_of, check_shape, points_of

NAMES = ["B", "a", "b", "\uffff", "\U0001f321"]
MINUTE = 60_000_000

keys = st.sets(st.tuples(st.integers(-3, 3), st.integers(1, 3), st.sampled_from(NAMES)))


def batches_of(points: set[tuple[int, int, str]]) -> list[Batch]:
    batches = []
    for device in sorted({device for _, device, _ in points}):
        moments = sorted({moment for moment, owner, _ in points if owner == device})
        names = sorted({name for _, owner, name in points if owner == device}, reverse=True)
        cells = {name: [moment if (moment, device, name) in points else None for moment in moments] for name in names}
        batches.append(batch_of(device, moments, cells))
    return batches


def facts_of(*batches: Batch) -> RecordFacts:
    return RecordFacts(Points.of(batches))


def keys_of(points: Points) -> list[PointKey]:
    return [key_of(points, index) for index in range(points.point_count)]


@given(keys)
def test_points_come_by_time_then_device_then_name_by_code_point(points: set[tuple[int, int, str]]) -> None:
    assert keys_of(in_time(batches_of(points), descending=False)) == [PointKey(*key) for key in sorted(points)]


@given(keys)
def test_descending_turns_all_of_it_round(points: set[tuple[int, int, str]]) -> None:
    found = keys_of(in_time(batches_of(points), descending=True))
    assert found == [PointKey(*key) for key in sorted(points, reverse=True)]


@given(keys)
def test_points_are_a_sequence_of_batches(points: set[tuple[int, int, str]]) -> None:
    batches = batches_of(points)
    again = in_time(batches, descending=True)
    assert points_of(again) == points_of(batches)
    assert [each.device_id for each in again] == [each.device_id for each in batches]
    for each in again:
        check_shape(each)


def test_latest_points_come_by_device_then_name() -> None:
    found = by_series([batch(1, [1, 9], b=[None, 1], a=[2, None]), batch(2, [0], a=[3])])
    assert [key[1:] for key in keys_of(found)] == [(1, "a"), (1, "b"), (2, "a")]


def test_as_many_points_fit_as_have_so_many_bytes_of_text_and_one_at_least() -> None:
    points = in_time([batch(1, [1, 2, 3], n=[1, 2, 3], s=["é", "ab", "c"])], descending=False)
    assert [fitting(points, room) for room in (0, 2, 3, 4, 5)] == [1, 3, 3, 5, 6]


def test_a_point_carries_the_metadata_and_quality_of_its_record() -> None:
    measured = [batch(1, [10, 20], load=[1.5, -0.0], state=["on", None]), batch(2, [10], load=[2.5])]
    facts = facts_of(batch(1, [10, 15], meta_line=[4, 5], meta_quality_flag=[2, 3]))
    points = PointList(in_time(measured, descending=False), facts)
    assert points.measurements == ["load", "state", "load", "load"]
    assert points.values == [1.5, "on", 2.5, 0.0]
    assert [dict(each) for each in points.metadata] == [
        {"line": (Kind.INTEGER, 4)},
        {"line": (Kind.INTEGER, 4)},
        {},
        {},
    ]
    assert points.quality == [2, 2, 0, 0]


def test_a_quality_that_is_no_32_bit_integer_stays_visible_as_metadata() -> None:
    facts = facts_of(batch(1, [10], meta_quality_flag=["bad"]), batch(1, [20], meta_quality_flag=[2**31]))
    assert facts.metadata((1, 10)) == {"quality_flag": (Kind.TEXT, "bad")}
    assert facts.metadata((1, 20)) == {"quality_flag": (Kind.INTEGER, 2**31)}
    assert facts.quality((1, 20)) == 0


@given(st.lists(st.one_of(st.integers(-100, 100), st.integers(-(2**55), 2**55))))
def test_spans_cover_every_moment_and_are_few(moments: list[int]) -> None:
    found = list(spans(np.array(moments, dtype=np.int64)))
    assert len(found) <= MAX_SPANS
    assert all(any(span.start <= moment < span.end for span in found) for moment in moments)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_a_long_stretch_between_points_is_left_out_and_a_regular_pace_is_not_cut() -> None:
    year = 525_600 * MINUTE
    assert [(span.start, span.end) for span in spans(np.array([0, 1, year]))] == [(0, 2), (year, year + 1)]
    assert len(list(spans(np.arange(0, year, 60 * MINUTE)))) == 1


def test_rows_that_hold_metadata_only_are_dropped() -> None:
    mixed = batch(1, [1, 2, 3, 4], load=[None, 5, None, 7], state=[None, None, None, "x"], meta_a=[1, 2, None, 4])
    rows = measured_rows(mixed)
    assert rows is not None
    check_shape(rows)
    assert points_of([rows]) == points_of([batch(1, [2, 4], load=[5, 7], state=[None, "x"], meta_a=[2, 4])])


def test_a_column_that_has_no_value_left_is_dropped_and_a_batch_too() -> None:
    rows = measured_rows(batch(1, [1, 2], load=[None, 5], meta_a=[1, None]))
    assert rows is not None
    assert [column.name for column in rows.columns] == ["load"]
    assert measured_rows(batch(1, [1, 2], meta_a=[1, 2])) is None


def test_a_batch_with_a_measured_value_in_every_row_is_passed_on_as_it_is() -> None:
    full = batch(1, [1, 2], load=[None, 5], state=["x", None], meta_a=[1, None])
    assert measured_rows(full) is full
