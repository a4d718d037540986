"""The wheel: what is in it, and that its base install alone is a working client."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.client.uv import ROOT, uv

SERVER = ROOT / "server" / "iotflow_server"
CLIENT = ROOT / "clients" / "python"

CODE = """
import importlib.util, pathlib, subprocess, sys
from iotflow.telemetry import BlockingTelemetryClient, TelemetryClient
for server_only in ("asyncpg", "structlog", "pydantic", "google.rpc", "pandas", "uvloop", "iotdb"):
    try:
        found = importlib.util.find_spec(server_only)
    except ModuleNotFoundError:
        found = None
    assert found is None, server_only
command = subprocess.run([pathlib.Path(sys.executable).parent / "iotflow"], capture_output=True, text=True)
assert (command.returncode, "pip install 'iotflow-telemetry[cli]'" in command.stderr) == (1, True), command
BlockingTelemetryClient("127.0.0.1:9").close()
print(TelemetryClient.__module__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.timeout(300)
def test_the_wheel_holds_types_and_the_data_of_the_server(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = [path.relative_to(ROOT / "server") for pattern in ("*.sql", "*pom.xml") for path in SERVER.rglob(pattern)]
    assert {path.suffix for path in data} == {".sql", ".xml"}
    assert {str(path) for path in data} <= names
    assert {"iotflow/telemetry/py.typed", "iotflow_server/py.typed"} <= names
    assert {str(path.relative_to(CLIENT)) for path in CLIENT.rglob("*.py")} <= names
    assert "iotflow/__init__.py" not in names


@pytest.mark.timeout(300)
def test_the_base_install_is_a_client_and_nothing_more(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    python = str(environment / "bin" / "python")
    uv("venv", "--quiet", str(environment))
    uv("pip", "install", "--quiet", "--python", python, str(wheel))
    answer = uv(
        "run", "--no-project", "--quiet", "--python", python, "python", "-W", "error", "-c", CODE, folder=tmp_path
    )
    assert answer.split() == ["iotflow.telemetry._client"]
