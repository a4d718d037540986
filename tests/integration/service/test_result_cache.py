"""Results that are kept are never older than what was acknowledged, wherever it was written and whatever Redis does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf import json_format
from pydantic import SecretStr

from iotflow.telemetry.v1.access_service_pb2 import RegisterDeviceRequest
from iotflow.telemetry.v1.telemetry_service_pb2 import AggregateTelemetryRequest, GetLatestTelemetryRequest
from iotflow_server.app import prepared, serving
from iotflow_server.composition.foundation import StartError
from iotflow_server.config import IotdbSettings, Settings
from iotflow_server.observability.metrics import Metrics
from tests.support.redis import RedisServer
from tests.support.service import Caller, record
from tests.support.waiting import until

MS = 1_700_000_000_000
LATEST, AGGREGATE = "GetLatestTelemetry", "AggregateTelemetry"


class Instance(Caller):
    """An instance of the service that can be called, and asked what its cache did."""

    def __init__(self, channel: grpc.aio.Channel, metrics: Metrics) -> None:
        super().__init__(channel)
        self._metrics = metrics

    async def latest(self, *device_ids: int) -> dict[tuple[int, str], Any]:
        """(device, measurement) -> value, metadata and owner."""
        request = GetLatestTelemetryRequest(device_ids=device_ids)
        answer = await self.telemetry.GetLatestTelemetry(request, timeout=60)  # type: ignore[misc]
        return {
            (p.device_id, p.measurement): (p.value.numeric, {k: v.text for k, v in p.metadata.items()}, p.user_id)
            for p in answer.points
        }

    async def sums(self, *device_ids: int) -> dict[tuple[int, str], float]:
        """(device, measurement) -> sum of all values."""
        fields = {"filter": {"device_ids": list(device_ids)}, "aggregations": ["AGGREGATION_SUM"]}
        request = json_format.ParseDict(fields, AggregateTelemetryRequest())
        answer = await self.telemetry.AggregateTelemetry(request, timeout=60)  # type: ignore[misc]
        return {(row.device_id, row.measurement): row.values[0].numeric for row in answer.rows}

    def count(self, method: str, outcome: str) -> int:
        """Questions of a method with an outcome: hit, miss or bypass."""
        labels = {"method": method, "outcome": outcome}
        return int(self._metrics.registry.get_sample_value("iotflow_cached_results_total", labels) or 0)


@asynccontextmanager
async def instance(folder: Path, dsn: str, cache: str | None, **settings: Any) -> AsyncIterator[Instance]:
    metrics = Metrics()
    given = Settings(
        listen="127.0.0.1:0",
        metrics_listen="",
        data_dir=folder,
        postgres_dsn=SecretStr(dsn),
        result_cache=None if cache is None else SecretStr(cache),
        iotdb=IotdbSettings(host=None),
        **settings,
    )
    async with (
        prepared(given, metrics) as server,
        serving(server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield Instance(channel, metrics)


@asynccontextmanager
async def two(folder: Path, dsn: str, cache: str) -> AsyncIterator[tuple[Instance, Instance]]:
    async with instance(folder / "one", dsn, cache) as one, instance(folder / "other", dsn, cache) as other:
        yield one, other


async def test_an_answer_is_given_again_by_every_instance_as_long_as_nothing_changes(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer
) -> None:
    async with two(tmp_path, postgres_dsn, redis_server.url) as (one, other):
        await one.write(record(1, MS, {"a": 1.5}, metadata={"site": {"text": "north"}}), record(1, MS + 1, {"b": 2.0}))
        for each in (one, other, one):
            assert await each.latest(1) == {(1, "a"): (1.5, {"site": "north"}, 0), (1, "b"): (2.0, {}, 0)}
            assert await each.sums(1) == {(1, "a"): 1.5, (1, "b"): 2.0}
        for method in (LATEST, AGGREGATE):
            assert (one.count(method, "miss"), one.count(method, "hit")) == (1, 1)
            assert (other.count(method, "miss"), other.count(method, "hit")) == (0, 1)


async def test_without_a_redis_each_process_keeps_its_own_answers_and_they_are_as_right(
    tmp_path: Path, postgres_dsn: str
) -> None:
    async with two(tmp_path, postgres_dsn, "memory") as (one, other):
        await one.write(record(1, MS, {"a": 1.0}))
        assert [await each.sums(1) for each in (one, other, one, other)] == [{(1, "a"): 1.0}] * 4
        await other.write(record(1, MS + 1, {"a": 2.0}))
        assert [await each.sums(1) for each in (one, other)] == [{(1, "a"): 3.0}] * 2
        assert [each.count(AGGREGATE, "hit") for each in (one, other)] == [1, 1]


async def _write(by: Instance) -> None:
    await by.write(record(1, MS + 5, {"a": 7.0}))


async def _overwrite(by: Instance) -> None:
    await by.write(record(1, MS, {"a": 7.0}))


async def _add_metadata(by: Instance) -> None:
    await by.write(record(1, MS, {"a": 1.0}, metadata={"site": {"text": "south"}}))


async def _delete(by: Instance) -> None:
    await by.delete(1, MS, MS + 1)


async def _change_owner(by: Instance) -> None:
    await by.access.RegisterDevice(RegisterDeviceRequest(device_id=1, user_id=9), timeout=60)  # type: ignore[misc]


@pytest.mark.parametrize("change", [_write, _overwrite, _add_metadata, _delete])
async def test_a_change_through_one_instance_is_seen_at_once_by_the_other(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer, change: Callable[[Instance], Awaitable[None]]
) -> None:
    async with (
        two(tmp_path, postgres_dsn, redis_server.url) as (one, other),
        instance(tmp_path / "plain", postgres_dsn, None) as plain,
    ):
        await one.write(record(1, MS, {"a": 1.0}), record(2, MS, {"a": 2.0}))
        before = [(await each.latest(1), await each.sums(1)) for each in (one, other)]
        await asyncio.gather(one.sums(2), other.latest(2))
        await change(one)
        after = [(await each.latest(1), await each.sums(1)) for each in (other, one)]
        assert after == [(await plain.latest(1), await plain.sums(1))] * 2
        assert after[0] != before[0]
        hits = other.count(AGGREGATE, "hit")
        await other.sums(2)
        assert other.count(AGGREGATE, "hit") == hits + 1


async def test_the_owner_in_an_answer_is_the_one_of_now(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer
) -> None:
    async with instance(tmp_path / "one", postgres_dsn, redis_server.url) as one:
        await one.write(record(1, MS, {"a": 1.0}))
        assert await one.latest(1) == {(1, "a"): (1.0, {}, 0)}
        await _change_owner(one)
        assert await one.latest(1) == {(1, "a"): (1.0, {}, 9)}


@pytest.mark.parametrize("statement", ["UPDATE telemetry_data SET numeric_value = 5", "TRUNCATE telemetry_data"])
async def test_what_is_changed_by_hand_is_seen_too(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer, statement: str
) -> None:
    async with instance(tmp_path / "one", postgres_dsn, redis_server.url) as one:
        await one.write(record(1, MS, {"a": 1.0}))
        before = await one.sums(1)
        connection = await asyncpg.connect(postgres_dsn)
        await connection.execute(statement)
        await connection.close()
        assert await one.sums(1) != before


async def test_an_instance_that_keeps_nothing_is_heard_all_the_same(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer
) -> None:
    async with (
        instance(tmp_path / "plain", postgres_dsn, None) as plain,
        instance(tmp_path / "one", postgres_dsn, redis_server.url) as one,
    ):
        for number in range(1, 4):
            await plain.write(record(1, MS + number, {"a": 1.0}))
            assert await one.sums(1) == {(1, "a"): float(number)}


async def test_a_redis_that_comes_back_with_what_it_had_long_ago_does_no_harm(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer
) -> None:
    async with instance(tmp_path / "one", postgres_dsn, redis_server.url) as one:
        await one.write(record(1, MS, {"a": 1.0}))
        assert await one.sums(1) == {(1, "a"): 1.0}
        assert redis_server.command("SAVE") == b"+OK"
        await one.write(record(1, MS, {"a": 2.0}))
        assert await one.sums(1) == {(1, "a"): 2.0}
        redis_server.kill()
        redis_server.start()
        assert await one.sums(1) == {(1, "a"): 2.0}


@pytest.mark.parametrize("seed", range(3))
async def test_answers_are_those_of_an_instance_that_keeps_nothing_whatever_is_done_in_whatever_order(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer, seed: int
) -> None:
    chance = random.Random(seed)
    async with (
        two(tmp_path, postgres_dsn, redis_server.url) as both,
        instance(tmp_path / "plain", postgres_dsn, None) as plain,
    ):
        for _ in range(120):
            by, device, moment = chance.choice(both), chance.randint(1, 2), MS + chance.randint(0, 3)
            match chance.randint(0, 5):
                case 0:
                    await by.delete(device, moment, moment + chance.randint(1, 3))
                case 1 | 2:
                    await by.write(record(device, moment, {chance.choice("ab"): chance.random()}))
                case _:
                    asked = chance.choice([(1,), (2,), (1, 2)])
                    assert await by.latest(*asked) == await plain.latest(*asked)
                    assert await by.sums(*asked) == await plain.sums(*asked)
        assert sum(one.count(LATEST, "hit") for one in both) > 5


@pytest.mark.timeout(300)
@pytest.mark.parametrize("trouble", ["killed", "frozen"])
async def test_no_reader_is_told_less_than_was_acknowledged_while_redis_goes_and_comes(
    tmp_path: Path, postgres_dsn: str, redis_server: RedisServer, trouble: str
) -> None:
    end, resume = (
        (redis_server.kill, redis_server.start) if trouble == "killed" else (redis_server.freeze, redis_server.thaw)
    )
    acknowledged = {1: 0, 2: 0}
    is_over = asyncio.Event()
    behind: list[tuple[int, float, int]] = []
    reads = 0

    async def write(by: Instance, device: int) -> None:
        while not is_over.is_set():
            number = acknowledged[device] + 1
            await by.write(record(device, MS + number, {"a": float(number)}))
            acknowledged[device] = number
            # Now and then nothing changes, so that there is something to hit.
            await asyncio.sleep(0.1 if number % 10 == 0 else 0)

    async def read(by: Instance, device: int) -> None:
        nonlocal reads
        while not is_over.is_set():
            floor = acknowledged[device]
            latest = (await by.latest(device)).get((device, "a"), (0.0,))[0]
            behind.extend([(device, latest, floor)] * (latest < floor))
            floor = acknowledged[device]
            total = (await by.sums(device)).get((device, "a"), 0.0)
            behind.extend([(device, total, floor)] * (total < floor * (floor + 1) / 2))
            reads += 1

    async with two(tmp_path, postgres_dsn, redis_server.url) as (one, other):
        at_work = [
            asyncio.create_task(work)
            for work in (
                write(one, 1),
                write(other, 2),
                *(read(by, device) for by in (one, other) for device in (1, 2)),
            )
        ]
        for _ in range(2):
            hits, bypasses = one.count(LATEST, "hit"), one.count(LATEST, "bypass")
            await until(lambda: one.count(LATEST, "hit") > hits + 3)  # noqa: B023
            await asyncio.to_thread(end)
            await until(lambda: one.count(LATEST, "bypass") > bypasses + 20)  # noqa: B023
            await asyncio.to_thread(resume)
        hits = other.count(AGGREGATE, "hit")
        await until(lambda: other.count(AGGREGATE, "hit") > hits)
        is_over.set()
        await asyncio.gather(*at_work)
    assert behind == []
    assert reads > 20
    assert min(acknowledged.values()) > 10


async def test_redis_may_be_away_from_the_start(tmp_path: Path, postgres_dsn: str, redis_server: RedisServer) -> None:
    redis_server.kill()
    async with instance(tmp_path / "one", postgres_dsn, redis_server.url) as one:
        await one.write(record(1, MS, {"a": 1.0}))
        for _ in range(3):
            assert await one.sums(1) == {(1, "a"): 1.0}
        assert one.count(AGGREGATE, "bypass") == 2


async def test_a_place_that_is_none_is_refused_by_its_setting(tmp_path: Path, postgres_dsn: str) -> None:
    with pytest.raises(ValueError, match="neither memory nor a URL like redis://"):
        Settings(result_cache=SecretStr("memcached://localhost"))
    with pytest.raises(StartError, match="IOTFLOW_RESULT_CACHE"):
        async with instance(tmp_path, postgres_dsn, "redis://127.0.0.1:port"):
            pass
