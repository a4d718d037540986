"""What is known of a device's series is asked for anew before it is too old."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from iotflow_server.stores.batch import Kind
from iotflow_server.stores.errors import StoreRefusedError
from iotflow_server.stores.iotdb import schema
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.store import IotdbStore
from tests.integration.iotdb.helpers import one
from tests.support.waiting import until_told


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    begin = time.monotonic()
    monkeypatch.setattr(schema, "time", SimpleNamespace(monotonic=lambda: begin + 60 * minutes))


async def test_a_series_that_another_writer_made_is_seen_without_a_wait(
    iotdb_store: IotdbStore, raw: Session, older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await iotdb_store.write([one(1, "a", Kind.INTEGER, 1)])
    assert set(await iotdb_store.series_types(1)) == {"a"}
    raw.execute(f"CREATE TIMESERIES {older}.b INT64 ENCODING=PLAIN")
    assert set(await iotdb_store.series_types(1)) == {"a"}
    later(monkeypatch, minutes=10)

    async def has_both() -> bool:
        return set(await iotdb_store.series_types(1)) == {"a", "b"}

    assert not await has_both()
    await until_told(has_both)


async def test_what_another_writer_changed_long_ago_is_found_by_the_write_that_it_refuses(
    iotdb_store: IotdbStore, raw: Session, older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await iotdb_store.write([one(1, "a", Kind.NUMERIC, 1.0)])
    raw.execute(f"DELETE TIMESERIES {older}.a")
    raw.execute(f"CREATE TIMESERIES {older}.a INT64 ENCODING=PLAIN")
    later(monkeypatch, minutes=4)
    with pytest.raises(StoreRefusedError, match="INT64"):
        await iotdb_store.write([one(1, "a", Kind.NUMERIC, 2.5)])
    assert (await iotdb_store.series_types(1))["a"].kind is Kind.INTEGER
