from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from iotflow_server.config import Settings
from iotflow_server.routing.phase import Phase


def test_settings_reach_another_process_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        listen="127.0.0.1:1",
        metrics_listen="",
        data_dir=Path("here"),
        postgres_dsn=SecretStr("postgresql://me:pw@db/x"),
        initial_phase=Phase.DECOMMISSIONED,
        open_registration=False,
        drain_seconds=1.5,
    )
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given
