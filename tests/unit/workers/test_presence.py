from __future__ import annotations

from pathlib import Path

from iotflow_server.workers.folders import Presence


def test_only_the_last_to_leave_is_told_so(tmp_path: Path) -> None:
    first, second, third = (Presence(tmp_path) for _ in range(3))
    assert (second.end(), first.end(), third.end()) == (False, False, True)
