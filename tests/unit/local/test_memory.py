"""The memory that is there for this process."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from iotflow_server.local.memory import memory_bytes

V1 = "12:cpu,cpuacct:/box\n3:memory:/box/service\n0::/\n"
V2 = "0::/box/service\n"


def test_it_is_that_of_the_machine_where_no_limit_is_told(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path, tmp_path / "none") == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        (V2, {"memory.max": "1048576\n"}, 1_048_576),
        (V2, {"box/service/memory.max": "max\n", "box/memory.max": "2097152\n"}, 2_097_152),
        (V2, {"box/service/memory.max": "1048576\n", "box/memory.max": "2097152\n"}, 1_048_576),
        (V1, {"memory/box/service/memory.limit_in_bytes": "1048576\n"}, 1_048_576),
        (V1, {"memory/memory.limit_in_bytes": "1048576\n"}, 1_048_576),
        (V2, {"memory.max": "9" * 20}, None),
        (V2, {"elsewhere/memory.max": "1048576\n"}, None),
    ],
)
def test_a_limit_of_the_group_or_of_one_around_it_counts(
    tmp_path: Path, own: str, limits: dict[str, str], expected: int | None
) -> None:
    (tmp_path / "own").write_text(own)
    for path, limit in limits.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(limit)
    assert memory_bytes(tmp_path, tmp_path / "own") == (expected or psutil.virtual_memory().total)
