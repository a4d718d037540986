"""What the launcher says where it cannot start a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from iotflow_server.local import iotdb_jars
from iotflow_server.local.iotdb import IotdbUnavailableError


def test_a_missing_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IotdbUnavailableError, match="no `java` on PATH"):
        iotdb_jars.java()


def test_a_missing_maven_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(iotdb_jars.CACHE_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(IotdbUnavailableError, match="no `mvn` on PATH"):
        iotdb_jars.jars()


def test_what_maven_said_is_in_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mvn = tmp_path / "mvn"
    mvn.write_text("#!/bin/sh\necho 'no route to the repository' >&2\nexit 1\n")
    mvn.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv(iotdb_jars.CACHE_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(IotdbUnavailableError, match="no route to the repository"):
        iotdb_jars.jars()
