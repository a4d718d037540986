"""Series are merged in order of time, however they are fed."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.postgres.merged import MergedSeries, SeriesRows
from iotflow_server.stores.postgres.packed import LongText
from iotflow_server.stores.selection import TimeRange

moments = st.sets(st.integers(0, 30), max_size=20)


def rows_of(name: str, timestamps: list[int], size: int = 0) -> SeriesRows:
    """Rows of texts that were left out, if they have a size, or of numbers."""
    values = np.array([LongText(size) if size else float(moment) for moment in timestamps], object)
    kind = Kind.TEXT if size else Kind.NUMERIC
    return SeriesRows(name, np.array(timestamps, np.int64), np.full(len(timestamps), kind, np.int8), values)


@given(st.dictionaries(st.sampled_from("abcd"), moments), st.integers(1, 4), st.booleans(), st.sampled_from([0, 7]))
def test_rows_come_once_in_order_and_those_of_one_moment_together(
    stored: dict[str, set[int]], limit: int, descending: bool, size: int
) -> None:
    series = MergedSeries(sorted(stored), limit, descending=descending)
    taken: list[list[SeriesRows]] = []
    while not series.is_finished:
        fed: list[SeriesRows] = []
        for name, start, stop in zip(*series.bounds(TimeRange(0, 31)), strict=True):
            left = sorted((moment for moment in stored[name] if start <= moment < stop), reverse=descending)
            fed.append(rows_of(name, left[:limit], size))
        series.feed(fed)
        taken.append(series.take(20))
    found = [(each.name, moment) for rows in taken for each in rows for moment in each.timestamps.tolist()]
    assert sorted(found) == sorted((name, moment) for name, moments in stored.items() for moment in moments)
    batches = [{moment for each in rows for moment in each.timestamps.tolist()} for rows in taken if rows]
    for one, other in itertools.pairwise(batches):
        assert min(one) > max(other) if descending else max(one) < min(other)


def test_no_more_is_given_out_than_the_row_by_which_long_texts_exceed_their_room() -> None:
    series = MergedSeries(["a", "b"], 10, descending=False)
    series.feed([rows_of("a", [1, 2, 3, 4], 100), rows_of("b", [2, 3, 9])])
    first = {each.name: each.timestamps.tolist() for each in series.take(150)}
    assert first == {"a": [1, 2], "b": [2]}
    assert series.hungry == []
    assert {each.name: each.timestamps.tolist() for each in series.take(200)} == {"a": [3, 4], "b": [3, 9]}
    assert series.is_finished
