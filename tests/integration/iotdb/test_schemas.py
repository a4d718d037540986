"""What is known of a device's series is asked for anew before it is too old."""

from __future__ import annotations

import pytest

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.iotdb import schema
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.integration.iotdb.helpers import one
from tests.support.waiting import until_told


async def test_a_series_that_another_writer_made_is_seen_without_a_wait(
    iotdb_store: IotdbStore, raw: Session, older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1)])
    assert set(await iotdb_store.series_types(1)) == {"a"}
    raw.execute(f"CREATE TIMESERIES {older}.b INT64 ENCODING=PLAIN")
    assert set(await iotdb_store.series_types(1)) == {"a"}
    monkeypatch.setattr(schema, "_AGING_SECONDS", 0.0)

    async def has_both() -> bool:
        return set(await iotdb_store.series_types(1)) == {"a", "b"}

    assert not await has_both()
    await until_told(has_both)
