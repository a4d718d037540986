"""The service under load and a run of a scenario by either tool, for tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from tests.load.ghz import run_ghz
from tests.load.report import Report, read_report
from tests.load.runner import run_locust
from tests.load.scenario import Overrides, expand

#: Checks that every run meets: how fast a run is says nothing where other tests run beside it.
ANY_SPEED: Final = (
    *("--check-rps", "0", "--check-avg-response-time", "1e9"),
    *("--check-write-p95", "1e9", "--check-query-p95", "1e9"),
)


@dataclass(frozen=True)
class Target:
    """A service and the database that it writes to."""

    host: str
    dsn: str

    async def rows(self) -> int:
        """How many points are stored."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM telemetry_data"))
        finally:
            await connection.close()


def config_at(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write a config named ``case`` and return its path."""
    path = folder / "case.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def by_locust(scenario: Path, overrides: Overrides, folder: Path, *checks: str) -> list[Report]:
    """The reports of a scenario's configs under locust, which must meet the checks."""
    done = locust(scenario, overrides, folder, *ANY_SPEED, *checks)
    assert done.returncode == 0, done.stdout
    return [read_report(folder / f"{document['name']}.json") for document in expand(scenario, overrides)]


def by_ghz(ghz: Path, scenario: Path, overrides: Overrides, folder: Path) -> list[Report]:
    """The same under ghz."""
    return run_ghz(ghz, expand(scenario, overrides), folder)


def locust(scenario: Path, overrides: Overrides, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a scenario under locust, and return how it ended."""
    named = {"--host": overrides.host, "--total": overrides.total, "--duration": overrides.duration}
    given = [text for name, value in named.items() if value is not None for text in (name, str(value))]
    return run_locust(scenario, folder, *given, *options)
