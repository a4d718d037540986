"""The stores of a proof: a PostgreSQL of its own that may be stopped, and the IoTDB that all tests share."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from iotflow_server.config import IotdbSettings, Settings
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.iotdb.store import IotdbStore
from iotflow_server.stores.postgres.store import PostgresStore
from iotflow_server.stores.selection import Selection
from iotflow_server.stores.store import TelemetryStore
from tests.integration.migration.proof.instance import DEVICES
from tests.support.batches import Points, collect, points_of
from tests.support.iotdb import IotdbServer, settings_for
from tests.support.service import settings_of

Result = TypeVar("Result")

_TEMPLATE = "proof"
#: By the clock of PostgreSQL. Far more than an example takes: only where the test lets time pass is it over.
PATIENCE_SECONDS = 3600.0
_PASS = f"""
UPDATE migration_transitions SET step_at = step_at - interval '{2 * PATIENCE_SECONDS} s';
UPDATE instances SET heard_at = heard_at - interval '{2 * PATIENCE_SECONDS} s';
"""
_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'iotflow-server' AND datname = current_database()
"""


class Bed:
    """A new deployment, without instances. To be closed."""

    def __init__(self, server: LocalPostgres, iotdb: IotdbServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._iotdb: IotdbSettings = settings_for(iotdb)
        self._name = f"proof_{uuid.uuid4().hex}"
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        #: Kept while PostgreSQL is up: it is looked at after every step.
        self._connection: asyncpg.Connection | None = None
        self.is_up = True
        #: Of instances that start from now on, if they are the first.
        self.first_phase = Phase.PREPARATION
        self.run(_execute(server.dsn, f"CREATE DATABASE {self._name} TEMPLATE {_TEMPLATE}"))

    @staticmethod
    def prepare(server: LocalPostgres) -> None:
        """Make the schema once: what is copied of it takes a tenth of the time."""

        async def make() -> None:
            await _execute(server.dsn, f"CREATE DATABASE {_TEMPLATE}")
            store = PostgresStore(_dsn(server, _TEMPLATE), 2, 30.0, lambda _: 0)
            await store.open()
            await store.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(make())

    def settings(self, name: str, folder: str) -> Settings:
        """The settings of an instance."""
        return settings_of(
            self._folder / self._name / folder,
            _dsn(self._server, self._name),
            self._iotdb,
            instance_name=name,
            initial_phase=self.first_phase,
            instance_silence_seconds=PATIENCE_SECONDS,
            transition_patience_seconds=PATIENCE_SECONDS,
        )

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something in the proof's own event loop."""
        return self._runner.run(work)

    def rows(self, query: str) -> list[Any]:
        """What PostgreSQL has."""
        found: list[Any] = self.run(self._connected(lambda connection: connection.fetch(query)))
        return found

    def execute(self, statements: str) -> None:
        """Change something in PostgreSQL."""
        self.run(self._connected(lambda connection: connection.execute(statements)))

    def let_time_pass(self) -> None:
        """Let everybody's patience end, and all who say nothing meanwhile count as away."""
        self.execute(_PASS)

    def end_sessions(self) -> None:
        """Let the server drop all connections of all instances."""
        self.rows(_END_SESSIONS)

    def stop_postgres(self) -> None:
        """As a crash would."""
        self.run(self._disconnect())
        self._server.stop("immediate")
        self.is_up = False

    def start_postgres(self) -> None:
        """It recovers."""
        self._server.start()
        self.is_up = True

    def contents(self) -> tuple[Points, Points]:
        """What IoTDB has, and what PostgreSQL."""
        postgres = PostgresStore(_dsn(self._server, self._name), 2, 30.0, lambda _: 0)
        return self.run(_content(IotdbStore(self._iotdb, lambda _: 0))), self.run(_content(postgres))

    def close(self) -> None:
        """Drop it."""
        if not self.is_up:
            self.start_postgres()
        self.run(self._disconnect())
        self.run(_execute(self._server.dsn, f"DROP DATABASE {self._name} WITH (FORCE)"))
        self._runner.close()

    async def _connected(self, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
        if self._connection is None:
            # A plan that is kept may not be that of the schema which an instance has just changed.
            self._connection = await asyncpg.connect(_dsn(self._server, self._name), statement_cache_size=0)
        return await work(self._connection)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _dsn(server: LocalPostgres, database: str) -> str:
    return server.dsn.replace("/postgres?", f"/{database}?")


async def _content(store: TelemetryStore) -> Points:
    await store.open()
    found = points_of(await collect(store.scan(Selection(DEVICES))))
    await store.close()
    return found


async def _execute(dsn: str, statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
