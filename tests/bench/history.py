"""A year of a fleet: what the measures of queries read. Made once by COPY, in minutes, and kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from iotflow_server.stores.batch import Batch, Column, Kind, Timestamps
from iotflow_server.stores.postgres.store import PostgresStore
from tests.bench.bed import Bed, running_postgres, running_service
from tests.support.rollups import refresh

MEASUREMENTS: Final = tuple(f"m{number}" for number in range(10))
DEVICES_PER_USER: Final = 50
#: 2026-01-01T00:00:00Z in microseconds since 1970, where the history ends.
END: Final = 1_767_225_600_000_000
MINUTE: Final = 60_000_000
DAY: Final = 1_440 * MINUTE
#: A fleet thins its history out: (days before the end, until so many days before it, minutes from row to row).
_PACES: Final = ((365, 30, 240), (30, 1, 6), (1, 0, 1))
_BATCH_ROWS: Final = 100
_BATCH_DEVICES: Final = 10
_WRITERS: Final = 4
_MADE: Final = "history-is-made"
_DENSE_MADE: Final = "dense-devices-are-made"
#: Dense devices report two measurements each ten seconds of the last 31 days.
DENSE_MEASUREMENTS: Final = MEASUREMENTS[:2]
_DENSE_STEP: Final = MINUTE // 6
_DENSE_DAYS: Final = 31
_DENSE_ROWS: Final = 50_000


@dataclass(frozen=True)
class History:
    """``devices`` devices from 1 on, ten measurements each, 10,410 rows: 1,000 devices have 104 million points."""

    devices: int

    @property
    def points(self) -> int:
        """Points of all devices."""
        return self.devices * len(MEASUREMENTS) * len(moments())

    @property
    def dense_devices(self) -> range:
        """A few devices beside these, of which a series has 267,840 points."""
        return range(self.devices + 1, self.devices + 1 + max(1, self.devices // 250))

    @property
    def users(self) -> int:
        """Users, from 1 on, whose devices are all there."""
        return max(1, self.devices // DEVICES_PER_USER)


def moments() -> Timestamps:
    """The timestamps of each device's rows."""
    spans = [np.arange(END - first * DAY, END - last * DAY, pace * MINUTE) for first, last, pace in _PACES]
    return np.concatenate(spans)


@contextmanager
def history_bed(folder: Path, history: History) -> Iterator[Bed]:
    """PostgreSQL that holds a history, and the service on it.

    The database lies in IOTFLOW_BENCH_HISTORY, by the number of devices, and is there again the next time; where that
    is unset, in the measure's own folder.
    """
    kept = os.environ.get("IOTFLOW_BENCH_HISTORY")
    database = Path(kept) / f"{history.devices}-devices" if kept else folder / "history"
    with running_postgres(database) as postgres:
        if not (database / _MADE).exists():
            asyncio.run(_make(postgres.dsn, history))
            (database / _MADE).touch()
        if not (database / _DENSE_MADE).exists():
            asyncio.run(_make_dense(postgres.dsn, history))
            (database / _DENSE_MADE).touch()
        asyncio.run(_get_ready(postgres.dsn, history))
        with running_service(folder / "service", {"IOTFLOW_POSTGRES_DSN": postgres.dsn}) as service:
            yield Bed(postgres, service)


async def _make(dsn: str, history: History) -> None:
    """Write in order of time, as a fleet does: what is read together does not lie together."""
    store = PostgresStore(dsn, _WRITERS + 1, 600.0, lambda device: _user_of(device))
    await store.open()
    firsts = range(0, len(moments()), _BATCH_ROWS)
    work = iter([(row, device) for row in firsts for device in range(1, history.devices + 1, _BATCH_DEVICES)])
    await asyncio.gather(*(_write(store, work, history) for _ in range(_WRITERS)))
    async with store.pool.connection() as connection:
        await connection.execute("VACUUM (ANALYZE) telemetry_data", timeout=600)
        await connection.execute("VACUUM (ANALYZE) telemetry_series", timeout=600)
    await store.close()


async def _make_dense(dsn: str, history: History) -> None:
    store, random = PostgresStore(dsn, 1, 600.0, _user_of), np.random.default_rng(1)
    await store.open()
    everything = np.arange(END - _DENSE_DAYS * DAY, END, _DENSE_STEP)
    for row in range(0, len(everything), _DENSE_ROWS):
        timestamps = everything[row : row + _DENSE_ROWS]
        for device in history.dense_devices:
            await store.write([_batch(device, timestamps, random, DENSE_MEASUREMENTS)])
    async with store.pool.connection() as connection:
        await connection.execute("VACUUM (ANALYZE) telemetry_data", timeout=600)
    await store.close()


async def _get_ready(dsn: str, history: History) -> None:
    """Register all devices, and compute figures of hours, lest the service does while it is measured."""
    store = PostgresStore(dsn, 1, 600.0, _user_of)
    await store.open()
    async with store.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO devices (device_id, user_id) SELECT device, (device - 1) / $2 + 1 "
            "FROM generate_series(1, $1::integer) AS device ON CONFLICT DO NOTHING",
            history.dense_devices[-1],
            DEVICES_PER_USER,
        )
    await refresh(store)
    await store.close()


async def _write(store: PostgresStore, work: Iterator[tuple[int, int]], history: History) -> None:
    everything, random = moments(), np.random.default_rng(0)
    for row, first in work:
        timestamps = everything[row : row + _BATCH_ROWS]
        devices = range(first, min(first + _BATCH_DEVICES, history.devices + 1))
        await store.write([_batch(device, timestamps, random) for device in devices])


def _batch(
    device: int, timestamps: Timestamps, random: np.random.Generator, names: Sequence[str] = MEASUREMENTS
) -> Batch:
    values = random.normal(size=(len(names), len(timestamps))).cumsum(axis=1)
    columns = (Column(name, Kind.NUMERIC, own) for name, own in zip(names, values, strict=True))
    return Batch(device, timestamps, tuple(columns))


def _user_of(device: int) -> int:
    return (device - 1) // DEVICES_PER_USER + 1
