"""The memory that is there for this process."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from iotflow_server.local.memory import memory_bytes


def test_it_is_that_of_the_machine_where_no_limit_is_told(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path / "none") == psutil.virtual_memory().total


@pytest.mark.parametrize(("told", "expected"), [("1048576\n", 1_048_576), ("max\n", None), ("9" * 20, None)])
def test_a_limit_of_the_container_counts(tmp_path: Path, told: str, expected: int | None) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(told)
    assert memory_bytes(limit) == (expected or psutil.virtual_memory().total)
