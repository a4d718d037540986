from __future__ import annotations

from iotflow_server.config import IotdbSettings
from iotflow_server.routing.secondary import Secondary
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.store import TelemetryStore


async def fail(store: TelemetryStore) -> None:
    raise TypeError(f"a fault in {store.name}")


async def test_a_fault_of_the_program_in_the_secondary_is_no_fault_of_the_write() -> None:
    secondary = Secondary(IotdbStore(IotdbSettings(host="127.0.0.1"), lambda _: 0), patience_seconds=5.0)
    assert not await secondary.settle(secondary.begin(fail))
    assert "TypeError" in secondary.last_error
