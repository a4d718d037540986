"""The servers that a measure runs against: real ones, each a process of its own, with its default durability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.bench.limits.pgwire import RawConnection, query
from tests.bench.run import Run
from tests.bench.worker import Worker


@dataclass(frozen=True)
class Bed:
    """PostgreSQL, and the service on it."""

    postgres: LocalPostgres
    service: ServiceProcess

    @property
    def processes(self) -> dict[str, list[int]]:
        """Ids of the first processes, by group."""
        return {"server": [self.service.process_id], "postgres": [self.postgres.process_id]}

    @property
    def socket_folder(self) -> Path:
        """Where PostgreSQL's Unix socket is."""
        return Path(parse_qs(urlsplit(self.postgres.dsn).query)["host"][0])

    def from_empty(self, worker: Worker) -> Run:
        """Have a load run on an empty table."""
        self.empty()
        return worker.run()

    def empty(self) -> None:
        """Remove all points, and write out what PostgreSQL holds back: each run then begins alike."""
        self.execute("TRUNCATE telemetry_data, telemetry_metadata")
        self.execute("CHECKPOINT")

    def execute(self, statement: str) -> None:
        """Run a statement on PostgreSQL."""
        connection = RawConnection(self.socket_folder)
        connection.send(query(statement))
        connection.await_ready()
        connection.close()


@contextmanager
def postgres_bed(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Bed]:
    """Start PostgreSQL and the service without IoTDB, whose way of a write is that of POSTGRES_ONLY."""
    with running_postgres(folder / "postgres") as postgres:
        settings = {"IOTFLOW_POSTGRES_DSN": postgres.dsn, **(environment or {})}
        with running_service(folder / "service", settings) as service:
            yield Bed(postgres, service)


@contextmanager
def running_postgres(folder: Path) -> Iterator[LocalPostgres]:
    """A PostgreSQL with its defaults, fsync among them."""
    server = LocalPostgres(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")


@contextmanager
def running_service(folder: Path, environment: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """The service, ready."""
    service = ServiceProcess(folder, environment)
    try:
        service.start()
        yield service
    finally:
        service.kill()
