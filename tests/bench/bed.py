"""The servers that a measure runs against: real ones, each a process of its own, with its default durability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from iotflow_server.local.iotdb import LocalIotdb
from iotflow_server.local.postgres import LocalPostgres
from iotflow_server.local.service import ServiceProcess
from tests.bench.limits.pgwire import RawConnection, query
from tests.bench.measure import Scale
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

    def execute(self, statement: str) -> str | None:
        """Run a statement on PostgreSQL; return the first field of its last row, if it has any."""
        connection = RawConnection(self.socket_folder)
        connection.send(query(statement))
        field = connection.await_ready()
        connection.close()
        return field

    def count(self) -> int:
        """Points that are there."""
        return int(self.execute("SELECT count(*) FROM telemetry_data") or 0)


@contextmanager
def postgres_bed(folder: Path) -> Iterator[Bed]:
    """Start PostgreSQL and the service without IoTDB, whose way of a write is that of POSTGRES_ONLY."""
    with running_postgres(folder / "postgres") as postgres:
        settings = {"IOTFLOW_POSTGRES_DSN": postgres.dsn}
        with running_service(folder / "service", settings) as service:
            yield Bed(postgres, service)


@dataclass(frozen=True)
class DualBed(Bed):
    """PostgreSQL, IoTDB, and the service that writes both."""

    iotdb: LocalIotdb

    @property
    def processes(self) -> dict[str, list[int]]:
        """Ids of the first processes, by group."""
        return {**super().processes, "iotdb": self.iotdb.process_ids}


@contextmanager
def dual_bed(folder: Path, scale: Scale, phase: str = "DUAL_WRITE", **settings: str) -> Iterator[DualBed]:
    """Start both stores, and the service in a phase that keeps both; ``settings`` are further ones."""
    given = nullcontext(scale.iotdb()) if scale.iotdb else running_iotdb(folder / "iotdb")
    with given as iotdb, running_postgres(folder / "postgres") as postgres:
        environment = {
            "IOTFLOW_POSTGRES_DSN": postgres.dsn,
            "IOTFLOW_INITIAL_PHASE": phase,
            "IOTDB_HOST": iotdb.host,
            "IOTDB_PORT": str(iotdb.port),
            # What is measured is acknowledged by both stores, however busy the machine is.
            "IOTDB_TIMEOUT_SECONDS": "60",
            "IOTFLOW_POSTGRES_TIMEOUT_SECONDS": "60",
            "IOTFLOW_SECONDARY_PATIENCE_SECONDS": "60",
            **settings,
        }
        with running_service(folder / "service", environment) as service:
            yield DualBed(postgres, service, iotdb)


@contextmanager
def running_iotdb(folder: Path) -> Iterator[LocalIotdb]:
    """An IoTDB with its defaults, but that a write is on its way to the disk when it is acknowledged."""
    server = LocalIotdb(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


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
    # The generator of the other side answers no pings while this one is measured.
    patient = {"IOTFLOW_KEEPALIVE_SECONDS": "3600", "IOTFLOW_KEEPALIVE_TIMEOUT_SECONDS": "3600"}
    service = ServiceProcess(folder, {**patient, **environment})
    try:
        service.start()
        yield service
    finally:
        service.kill()
