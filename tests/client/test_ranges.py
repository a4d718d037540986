"""The base install works with every version that pyproject.toml allows: both ends, and the majors between."""

from __future__ import annotations

import asyncio
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow_server.local.service import ServiceProcess
from tests.client.uv import ROOT, uv

SCRIPT = Path(__file__).with_name("range_script.py")


def lowest() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.sub(r">=([\d.]+).*", r"==\1", dependency) for dependency in project["dependencies"]]


ENVIRONMENTS = {
    "lowest": lowest(),
    "protobuf-4": ["protobuf>=4.21,<5", "grpcio", "numpy<2"],
    "protobuf-5": ["protobuf>=5,<6", "grpcio", "numpy"],
    "protobuf-6": ["protobuf>=6,<7", "grpcio", "numpy"],
    "newest": ["protobuf", "grpcio", "numpy"],
}
FIRST_DEVICE = {name: 1_000_000 + 10 * number for number, name in enumerate(ENVIRONMENTS)}


def arguments(requirements: list[str]) -> Iterator[str]:
    yield from ("run", "--isolated", "--no-project", "--quiet", "--python", sys.executable)
    for requirement in requirements:
        yield from ("--with", requirement)
    yield from ("--", "env", f"PYTHONPATH={ROOT / 'clients' / 'python'}", "python", "-W", "error", str(SCRIPT))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ENVIRONMENTS)
async def test_the_client_works_with(service: ServiceProcess, name: str) -> None:
    command = [*arguments(ENVIRONMENTS[name]), service.address, str(FIRST_DEVICE[name])]
    versions = (await asyncio.to_thread(uv, *command)).split()
    assert len(versions) == 3
    if name == "lowest":
        assert all(map(str.startswith, sorted(versions), sorted(ENVIRONMENTS[name])))
