"""An answer ends after so many distinct timestamps, whatever its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.timestamp_limit import TimestampLimit, first_rows
from iotflow_server.stores.batch import Batch
from tests.support.batches import batch, points_of


@given(st.lists(st.integers(0, 9)).map(sorted), st.integers(1, 12), st.integers(1, 5), st.booleans())
def test_pages_together_hold_the_points_of_the_first_timestamps(
    moments: list[int], count: int, size: int, descending: bool
) -> None:
    moments = moments[::-1] if descending else moments
    first = list(dict.fromkeys(moments))[:count]
    found: list[int] = []
    limit = TimestampLimit(count)
    while len(found) < len(moments):
        page = np.array(moments[len(found) :][:size], dtype=np.int64)
        length = limit.fitting(page)
        found += page[:length].tolist()
        limit = limit.after(page[:length])
        if length < len(page):
            break
    assert found == [moment for moment in moments if moment in first]


def test_a_page_without_points_leaves_the_limit_as_it_is() -> None:
    limit = TimestampLimit(3, 7)
    assert limit.after(np.array([], dtype=np.int64)) == limit


async def test_each_scan_has_its_first_rows_and_is_read_no_further() -> None:
    async def scan(device: int, *parts: list[int]) -> AsyncIterator[Batch]:
        for moments in parts:
            yield batch(device, moments, a=moments)
        if device == 1:
            pytest.fail("read on")

    scans = (scan(1, [1, 2], [3, 4]), scan(2, [1]), scan(3, [1, 2, 3]))
    found = points_of([each async for each in first_rows(scans, 3)])
    assert [(device, moment) for moment, device, _ in found] == [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (3, 3)]
