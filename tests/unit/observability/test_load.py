from __future__ import annotations

import pytest

from iotflow_server.observability.load import StoreLoad, StoreMeter, combined
from tests.support.waiting import until


async def test_a_meter_tells_rates_and_percentiles() -> None:
    meter = StoreMeter()
    assert meter.load == StoreLoad()
    for seconds in (0.1, 0.2, 0.3):
        meter.wrote(1_000)
        meter.writes.add(seconds)
        meter.read(seconds / 10)
    meter.repaired += 7
    await until(lambda: meter.load.points_per_second > 0)
    load = meter.load
    assert load.points_per_second == pytest.approx(1_000 * load.reads_per_second)
    assert load.write_p95_seconds == pytest.approx(10 * load.read_p95_seconds)
    assert load.repaired_points == 7


def test_rates_of_several_instances_add_up_and_the_slowest_is_told() -> None:
    both = [StoreLoad(1, 10.0, 2.0, 0.5, 0.1), StoreLoad(2, 5.0, 1.0, 0.2, 0.3)]
    assert combined(both) == StoreLoad(3, 15.0, 3.0, 0.5, 0.3)
    assert combined([]) == StoreLoad()
