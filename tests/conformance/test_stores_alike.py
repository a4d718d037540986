"""Stores that were told the same answer the same, to the last bit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iotflow_server.query.windows import FixedWindows
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore
from tests.conformance.answers import answers
from tests.conformance.programs import DEVICES, Step, moved, programs, questions, run
from tests.conformance.reading import NewDevice


@pytest.mark.timeout(600)
@settings(
    max_examples=40,
    deadline=None,
    # Each example has devices of its own, so the stores need not be made anew.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    program=programs,
    selection=questions,
    page_size=st.integers(1, 8),
    windows=st.sampled_from([1, 3_000, 10**6, 10**17]).map(FixedWindows),
)
async def test_the_same_program_leaves_stores_that_answer_alike(
    postgres_store: TelemetryStore,
    iotdb_store: TelemetryStore,
    new_device: NewDevice,
    program: Sequence[Step],
    selection: Selection,
    page_size: int,
    windows: FixedWindows,
) -> None:
    first, *_ = [new_device() for _ in range(DEVICES)]
    stores = (postgres_store, iotdb_store)
    await asyncio.gather(*(run(store, program, first) for store in stores))
    asked = moved(selection, first)
    postgres, iotdb = [await answers(store, asked, page_size, windows) for store in stores]
    for question, answer in postgres.items():
        assert answer == iotdb[question], question
