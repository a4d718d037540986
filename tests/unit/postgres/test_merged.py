"""Series are merged in order of time, however they are fed."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.stores.postgres.merged import MergedSeries
from iotflow_server.stores.selection import TimeRange

moments = st.sets(st.integers(0, 30), max_size=20)


@given(st.dictionaries(st.sampled_from("abcd"), moments), st.integers(1, 4), st.booleans())
def test_rows_come_once_in_order_and_those_of_one_moment_together(
    stored: dict[str, set[int]], limit: int, descending: bool
) -> None:
    series = MergedSeries(sorted(stored), limit, descending=descending)
    taken: list[list[Any]] = []
    while series.hungry:
        fed: list[Any] = []
        for name, start, stop in zip(*series.bounds(TimeRange(0, 31)), strict=True):
            left = sorted((moment for moment in stored[name] if start <= moment < stop), reverse=descending)
            fed += [(1, moment, name) for moment in left[:limit]]
        series.feed(fed)
        taken.append(series.take())
    found = [(row[2], row[1]) for rows in taken for row in rows]
    assert sorted(found) == sorted((name, moment) for name, moments in stored.items() for moment in moments)
    batches = [{row[1] for row in rows} for rows in taken if rows]
    for one, other in itertools.pairwise(batches):
        assert min(one) > max(other) if descending else max(one) < min(other)
