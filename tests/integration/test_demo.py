"""The demo carries its fleet across, and finds nothing lost or wrong."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.iotdb import IotdbServer

_WAYS = {"ranges", "pages", "latest points", "aggregates"}


def _line(text: str, beginning: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(beginning))


@pytest.mark.timeout(400)
def test_a_small_fleet_is_carried_across_and_every_point_is_found(iotdb_server: IotdbServer) -> None:
    # The demo has an IoTDB of its own; the fixture says whether there can be one.
    assert iotdb_server
    small = "--devices 6 --gateways 2 --readers 2 --records 100 --stay 0.5 --kills 30"
    # By this seed each of the three transitions loses a server of another kind.
    command = [sys.executable, "-m", "iotflow_server.cli.demo", *small.split(), "--seed", "322"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=380)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for phase in ("DUAL_WRITE", "READ_POSTGRES", "POSTGRES_ONLY"):
        assert f"phase {phase}, after" in ended.stdout
    killed = _line(ended.stdout, "killed with SIGKILL")
    assert all(each in killed for each in ("IoTDB", "PostgreSQL", "instance"))
    assert set(re.findall(r"\d of ([a-z ]+)", _line(ended.stdout, "reads answered"))) == _WAYS
    found = re.findall(r"^  (read|in the end) +([\d,]+) +(\d+) +(\d+)$", ended.stdout, re.MULTILINE)
    assert [(name, lost, wrong) for name, _, lost, wrong in found] == [("read", "0", "0"), ("in the end", "0", "0")]
    assert all(int(points.replace(",", "")) > 1000 for _, points, _, _ in found)
