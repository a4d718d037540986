"""A real IoTDB for tests: one for the whole run, shared by all workers; a database path for each test."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import SecretStr

from iotflow_server.config import IotdbSettings
from iotflow_server.local.iotdb import IotdbUnavailableError, LocalIotdb

if TYPE_CHECKING:
    from iotflow_server.stores.iotdb.session import Session
    from iotflow_server.stores.iotdb.store import IotdbStore

_RUN: Final = "IOTFLOW_TEST_IOTDB"
_DATABASE: Final = "root.test"
#: Kept, since Python warns of a running child process that nobody refers to.
_LEFT_RUNNING: Final[list[LocalIotdb]] = []
_SKIPPED: Final = "IoTDB is not tested"


@dataclass(frozen=True)
class IotdbServer:
    """Where the shared server listens."""

    host: str
    port: int


@pytest.fixture(scope="session")
def iotdb_server() -> IotdbServer:
    """The real server that the whole run shares. It must not be stopped; tests that do so start their own."""
    return _shared_server(Path(os.environ[_RUN]))


@pytest.fixture
def iotdb_settings(iotdb_server: IotdbServer) -> IotdbSettings:
    """Settings with a database path of the test's own."""
    return settings_for(iotdb_server)


@pytest.fixture
def owners() -> dict[int, int]:
    """The user of each device, by the registry; a device that is not in it has none."""
    return {}


@pytest.fixture
async def iotdb_store(iotdb_settings: IotdbSettings, owners: dict[int, int]) -> AsyncIterator[IotdbStore]:
    """An open store."""
    from iotflow_server.stores.iotdb.store import IotdbStore

    store = IotdbStore(iotdb_settings, lambda device: owners.get(device, 0))
    await store.open()
    yield store
    await store.close()


@pytest.fixture(scope="module")
def own_iotdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIotdb]:
    """A running server that the tests of a module may stop, kill or freeze; each leaves it running again."""
    server = LocalIotdb(tmp_path_factory.mktemp("iotdb"))
    start_or_skip(server)
    yield server
    server.resume()
    server.kill()


def settings_for(server: IotdbServer | LocalIotdb, *, timeout: float = 30.0, pool_size: int = 4) -> IotdbSettings:
    """Return settings for a server, with a database path that nobody else has."""
    return IotdbSettings(
        host=server.host,
        port=server.port,
        username="root",
        password=SecretStr("root"),
        database=f"{_DATABASE}.t_{uuid.uuid4().hex}",
        pool_size=pool_size,
        timeout_seconds=timeout,
    )


@contextmanager
def raw_session(server: IotdbServer | LocalIotdb) -> Iterator[Session]:
    """A session beside the store, to do what other writers do and to see what is really there."""
    from iotflow_server.stores.iotdb.session import Session

    session = Session(settings_for(server), time.monotonic() + 60)
    yield session
    session.close()


def execute(server: IotdbServer | LocalIotdb, *statements: str) -> None:
    """Run statements of IoTDB's SQL that have no rows."""
    with raw_session(server) as session:
        for statement in statements:
            session.execute(statement)


def start_or_skip(server: LocalIotdb) -> None:
    """Start a server; skip the test where Java or Maven is missing, unless IoTDB is required."""
    try:
        server.start()
    except IotdbUnavailableError as error:
        if iotdb_is_required():
            pytest.fail(f"IoTDB is required (CI or REQUIRE_IOTDB is set): {error}", pytrace=False)
        pytest.skip(f"{_SKIPPED}: {error}")


def iotdb_is_required() -> bool:
    """Whether a missing IoTDB fails the run."""
    return os.environ.get("CI") == "true" or os.environ.get("REQUIRE_IOTDB") == "1"


def _shared_server(folder: Path) -> IotdbServer:
    state = folder / "server.json"
    with _lock(folder / "lock"):
        if not state.exists():
            server = LocalIotdb(folder / "home")
            start_or_skip(server)
            server.leave_running()
            _LEFT_RUNNING.append(server)
            # Made once: a database for each test would cost each of them a second and the server its memory.
            execute(server, f"CREATE DATABASE {_DATABASE}")
            state.write_text(json.dumps({"port": server.port, "processes": server.process_ids}), "utf-8")
        return IotdbServer("127.0.0.1", json.loads(state.read_text("utf-8"))["port"])


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Name a folder for the run; workers inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_RUN] = tempfile.mkdtemp(prefix="iotflow-iotdb-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the shared server with the run, whoever started it."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(_RUN))
    state = folder / "server.json"
    if state.exists():
        for process in json.loads(state.read_text("utf-8"))["processes"]:
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly what was not tested, and why."""
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    skipped = [reason for reason in reasons if _SKIPPED in reason]
    if skipped:
        why = skipped[0].partition(f"{_SKIPPED}: ")[2].splitlines()[0].rstrip("')")
        terminalreporter.write_sep("=", f"{len(skipped)} tests of IoTDB skipped: {why}", yellow=True)
