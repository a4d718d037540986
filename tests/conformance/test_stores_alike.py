"""Stores that were told the same answer the same, to the last bit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.selection import Selection
from tests.conformance.answers import answers
from tests.conformance.programs import DEVICES, Step, moved, programs, questions, run
from tests.conformance.reading import NewDevice, Stores


@pytest.mark.timeout(600)
@settings(
    max_examples=40,
    # Each example has devices of its own, so the stores need not be made anew.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    program=programs,
    selection=questions,
    page_size=st.integers(1, 8),
    windows=st.sampled_from([1, 3_000, 10**6, 10**17]).map(FixedWindows),
)
async def test_the_same_program_leaves_stores_that_answer_alike(
    stores: Stores,
    new_device: NewDevice,
    program: Sequence[Step],
    selection: Selection,
    page_size: int,
    windows: FixedWindows,
) -> None:
    first, *_ = [new_device() for _ in range(DEVICES)]
    await asyncio.gather(*(run(store, program, first) for store in stores))
    asked = moved(selection, first)
    first_store, *others = [await answers(store, asked, page_size, windows) for store in stores]
    for question, answer in first_store.items():
        assert all(other[question] == answer for other in others), question
