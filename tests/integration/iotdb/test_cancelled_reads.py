"""A read whose caller has gone away is worked on no more, in IoTDB either."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from iotflow_server.config import IotdbSettings
from iotflow_server.stores.batch import Kind
from iotflow_server.stores.errors import StoreUnavailableError
from iotflow_server.stores.iotdb.session import Session
from iotflow_server.stores.iotdb.sessions import Sessions
from iotflow_server.stores.iotdb.status import StatusError
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.iotdb.tablets import NativeColumn, encode_tablet
from iotflow_server.stores.iotdb.types import NativeType
from iotflow_server.stores.selection import Selection
from tests.integration.iotdb.helpers import one, points
from tests.support.iotdb import IotdbServer, settings_for
from tests.support.waiting import until


@pytest.fixture
def settings(iotdb_server: IotdbServer) -> IotdbSettings:
    """One session, and more patience than a test has."""
    return settings_for(iotdb_server, timeout=600.0, pool_size=1)


@pytest.fixture
async def iotdb_store(settings: IotdbSettings, owners: dict[int, int]) -> IotdbStore:
    return IotdbStore(settings, lambda device: owners.get(device, 0))


@pytest.fixture
def endless(raw: Session, settings: IotdbSettings) -> str:
    """A query that IoTDB never ends by itself, because of a row at the first moment of all."""
    path = f"{settings.database}.devices.device_9"
    for name in "ab":
        raw.execute(f"CREATE TIMESERIES {path}.{name} INT64")
    nine = [NativeColumn(name, NativeType.INT64, np.array([9]), None) for name in "ab"]
    raw.insert([encode_tablet(path, np.array([-(2**63)]), nine)])
    return f"SELECT a, b FROM {path}"


def running(raw: Session, sql: str) -> Callable[[], bool]:
    """Whether IoTDB works on a query."""
    return lambda: any(found.startswith(sql) for found in raw.query("SHOW QUERIES").texts("Statement"))


async def test_a_cancelled_read_leaves_no_statement_and_frees_its_session(
    settings: IotdbSettings, raw: Session, endless: str
) -> None:
    sessions = Sessions(settings)
    reading = asyncio.create_task(sessions.read(lambda session: session.query(endless)))
    is_running = running(raw, endless)
    await until(is_running)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await sessions.read(lambda session: session.query("SHOW VERSION").names)
    assert not is_running()
    sessions.close()


async def test_another_reader_of_the_same_is_left_alone(
    settings: IotdbSettings, iotdb_server: IotdbServer, raw: Session, endless: str
) -> None:
    cancelled, other = Sessions(settings), Sessions(settings)
    readings = [asyncio.create_task(each.read(lambda session: session.query(endless))) for each in (cancelled, other)]
    await until(lambda: sum(text.startswith(endless) for text in raw.query("SHOW QUERIES").texts("Statement")) == 2)
    readings[0].cancel()
    assert await cancelled.read(lambda session: session.query("SHOW VERSION").names)
    assert running(raw, endless)()
    assert not readings[1].done()
    readings[1].cancel()
    assert await other.read(lambda session: session.query("SHOW VERSION").names)
    for sessions in (cancelled, other):
        sessions.close()


@pytest.fixture
def unprivileged(raw: Session, settings: IotdbSettings) -> Iterator[IotdbSettings]:
    """The settings of a user who may read, and no more, and has a few seconds for it."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    raw.execute(f"CREATE USER {name} 'long-enough-1'")
    raw.execute(f"GRANT READ ON root.** TO USER {name}")
    yield settings.model_copy(update={"username": name, "password": SecretStr("long-enough-1"), "timeout_seconds": 4.0})
    raw.execute(f"DROP USER {name}")


async def test_where_nothing_may_be_killed_the_read_ends_by_its_time_out(
    unprivileged: IotdbSettings, raw: Session, endless: str
) -> None:
    sessions = Sessions(unprivileged)
    reading = asyncio.create_task(sessions.read(lambda session: session.query(endless)))
    is_running = running(raw, endless)
    await until(is_running)
    with capture_logs() as logs:
        reading.cancel()
        await asyncio.wait({reading})
        await until(lambda: not is_running())
    assert [line["action"] for line in logs] == ["cancelled_reads_go_on"]
    with suppress(StoreUnavailableError):
        # Who has waited as long as that read did is out of time too.
        await sessions.read(lambda session: session.query("SHOW VERSION"))
    assert await sessions.read(lambda session: session.query("SHOW VERSION").names)
    sessions.close()


async def test_a_read_that_is_cancelled_between_two_statements_begins_no_other(
    settings: IotdbSettings, raw: Session, endless: str
) -> None:
    sessions = Sessions(settings)
    begun, cancelled = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(session: Session) -> None:
        session.query("SHOW VERSION")
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(cancelled.wait(), loop).result()
        session.query(endless)

    reading = asyncio.create_task(sessions.read(work))
    await begun.wait()
    reading.cancel()
    await asyncio.wait({reading})
    cancelled.set()
    assert await sessions.read(lambda session: session.query("SHOW VERSION").names)
    assert not running(raw, endless)()
    sessions.close()


async def test_a_write_goes_on_though_its_caller_has_gone_away(iotdb_store: IotdbStore) -> None:
    writing = asyncio.create_task(iotdb_store.write([one(1, "a", Kind.INTEGER, 5)]))
    for _ in range(3):
        # Let it come to the thread.
        await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait({writing})
    # There is one session, so this comes after it.
    assert points(await iotdb_store.latest(Selection((1,)))) == {("a", 1): (Kind.INTEGER, 5)}
    await iotdb_store.close()


def test_that_a_query_has_ended_already_is_told_from_other_errors(raw: Session) -> None:
    with pytest.raises(StatusError) as caught:
        raw.execute("KILL QUERY '20200101_000000_00001_1'")
    assert caught.value.only_says_that_it_has_ended
