"""What PostgreSQL's schema has to say about a transition: whether it takes, keeps and gives back each kind of value."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from iotflow_server.migration.status import Guard
from iotflow_server.routing.phase import Phase
from iotflow_server.stores.name import StoreName
from iotflow_server.stores.postgres.pool import PostgresPool
from iotflow_server.stores.postgres.self_test import SelfTest, self_test

#: A test is good for so long: whoever watches the guards does not have points written each second.
_GOOD_SECONDS: Final = 10.0
_REMEDY: Final = (
    "restore what is named (server/iotflow_server/stores/postgres/schema has it all), and grant the user of "
    "IOTFLOW_POSTGRES_DSN all rights on the tables"
)


class SchemaEvidence:
    """Implements migration.evidence.Evidence: before PostgreSQL is written, and before it is read."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool
        self._testing = asyncio.Lock()
        self._tested: tuple[float, SelfTest] | None = None

    async def guards(self, current: Phase, target: Phase) -> Sequence[Guard]:
        """The guard; it cannot be overridden, for nothing would be stored."""
        postgres = StoreName.POSTGRES
        begins = target.writes_to(postgres) and not current.writes_to(postgres)
        if not begins and not (target.reads_from(postgres) and not current.reads_from(postgres)):
            return ()
        test = await self._newest()
        proved = f"schema version {test.version}; {test.points} points of all kinds written, read back and deleted"
        finding = "; ".join(test.trouble) or proved
        return (Guard("postgres_schema", not test.trouble, finding, _REMEDY, forcible=False),)

    async def _newest(self) -> SelfTest:
        async with self._testing:
            if self._tested is None or time.monotonic() - self._tested[0] >= _GOOD_SECONDS:
                self._tested = (time.monotonic(), await self_test(self._pool))
            return self._tested[1]
