"""The servers of the demo: a real IoTDB, a real PostgreSQL, and instances of the service, each a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess

DATABASE: Final = "root.iotflow"


@dataclass(frozen=True)
class Stand:
    """All servers; the instances are not started yet."""

    iotdb: LocalIotdb
    postgres: LocalPostgres
    instances: Sequence[ServiceProcess]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the instances listen."""
        return tuple(instance.address for instance in self.instances)


@contextmanager
def stand(folder: Path, instances: int, iotdb: LocalIotdb | None = None) -> Iterator[Stand]:
    """Run both stores, and what is started of the instances, until the block is left.

    An ``iotdb`` that is given runs already, and goes on.
    """
    with ExitStack() as stack:
        postgres = LocalPostgres(folder / "postgres")
        if iotdb is None:
            iotdb = LocalIotdb(folder / "iotdb")
            stack.callback(iotdb.kill)
            iotdb.start()
        stack.callback(postgres.stop, "immediate")
        postgres.start()
        settings = {
            "IOTDB_HOST": iotdb.host,
            "IOTDB_PORT": str(iotdb.port),
            "IOTDB_DATABASE": DATABASE,
            "IOTFLOW_POSTGRES_DSN": postgres.dsn,
        }
        services = [ServiceProcess(folder / f"instance-{number}", settings) for number in range(1, instances + 1)]
        for service in services:
            stack.callback(service.kill)
        yield Stand(iotdb, postgres, services)
