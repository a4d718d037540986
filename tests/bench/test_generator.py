"""The load generator, against the real service."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.bed import Bed, postgres_bed
from tests.bench.fleet import BEGIN, Fleet
from tests.bench.generator.http2 import CallFailedError
from tests.bench.generator.stream import StreamLoad, Window
from tests.bench.generator.unary import ClosedLoad, PacedLoad
from tests.bench.records import METHOD


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    # Not in pytest's own folder: each run of pytest closes that to the user who runs PostgreSQL.
    with tempfile.TemporaryDirectory(prefix="iotflow-bench-") as folder, postgres_bed(Path(folder)) as bed:
        yield bed


@pytest.fixture(autouse=True)
def _empty(bed: Bed) -> None:
    bed.empty()


@pytest.mark.parametrize("window", [Window(), Window(messages=1), Window(nbytes=1)])
def test_a_stream_is_stored_whole_whatever_the_window(bed: Bed, window: Window) -> None:
    fleet = Fleet(3, 20, 30)
    load = StreamLoad(bed.service.address, fleet, window=window)
    load.prepare(BEGIN)
    assert load.run().amount == fleet.points
    load.close()
    assert bed.count() == fleet.points


def test_gateways_that_resume_lose_nothing_when_the_service_is_killed(bed: Bed) -> None:
    fleet = Fleet(4, 400, 200)
    load = StreamLoad(bed.service.address, fleet, resumes=True)
    load.prepare(BEGIN)
    run = threading.Thread(target=load.run)
    run.start()
    while not bed.count():
        time.sleep(0.01)
    bed.service.kill()
    bed.service.start()
    run.join()
    load.close()
    assert bed.count() == fleet.points


def test_each_call_stores_its_record(bed: Bed) -> None:
    for load in (
        ClosedLoad(bed.service.address, METHOD, 300, callers=10),
        PacedLoad(bed.service.address, METHOD, 300, rate=1_000.0),
    ):
        bed.empty()
        load.prepare(BEGIN)
        run = load.run()
        load.close()
        assert run.amount == 300
        assert 0 < run.more["p50"] <= run.more["p95"] <= run.more["p99"]
        assert bed.count() == 1_500


def test_a_call_that_fails_is_told_with_its_status(bed: Bed) -> None:
    load = ClosedLoad(bed.service.address, METHOD + "Nothing", 1, callers=1)
    load.prepare(BEGIN)
    with pytest.raises(CallFailedError, match="grpc-status"):
        load.run()
    load.close()
