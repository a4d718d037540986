"""The service as a process of its own on this machine, for the demo and for tests that kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from iotflow_server.local.held_port import HeldPort

_PROBE_SECONDS: Final = 0.05
#: A channel that was refused tries again soon: by itself it waits for seconds, and longer each time.
_RECONNECT: Final = [
    (f"grpc.{bound}_reconnect_backoff_ms", milliseconds)
    for bound, milliseconds in (("initial", 50), ("min", 50), ("max", 200))
]


class ServiceProcess:
    """One server instance on a free port of 127.0.0.1; the port and the data stay the same over restarts."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str], python: str = sys.executable) -> None:
        """``environment`` are settings beside those given here; ``python`` is that of the server's environment."""
        self._python = python
        self._ports = HeldPort(), HeldPort()
        self.address, self.metrics_address = (port.address for port in self._ports)
        self.log = data_dir / "service.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("IOTFLOW_", "IOTDB_"))},
            "IOTFLOW_LISTEN": self.address,
            "IOTFLOW_METRICS_LISTEN": self.metrics_address,
            "IOTFLOW_DATA_DIR": str(data_dir),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None
        data_dir.mkdir(parents=True, exist_ok=True)

    def unset(self, setting: str) -> None:
        """Leave a setting out from the next start on."""
        self._environment.pop(setting, None)

    @property
    def process_id(self) -> int:
        """Id of the running process."""
        if self._process is None:
            raise RuntimeError("the service is not started")
        return self._process.pid

    def start(self, timeout: float = 60.0) -> None:
        """Start it and return once it serves.

        :raises RuntimeError: it ended or did not serve in time; the message holds the end of its log.
        """
        self.launch()
        self.await_serving(timeout)

    def launch(self) -> None:
        """Start it without waiting."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._python, "-m", "iotflow_server.cli.serve"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def await_serving(self, timeout: float = 60.0) -> None:
        """Return once it serves."""
        deadline = time.monotonic() + timeout
        with grpc.insecure_channel(self.address, options=_RECONNECT) as channel:
            while not _serves(channel):
                code = None if self._process is None else self._process.poll()
                if code is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the service does not serve (exit code {code}):\n{self.log_tail()}")
                time.sleep(_PROBE_SECONDS)

    def terminate(self, timeout: float = 40.0) -> int:
        """Ask it to drain and end (SIGTERM); return its exit code."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self._end(signal.SIGKILL, 10.0)

    def wait(self, timeout: float) -> int:
        """Return its exit code once it has ended by itself."""
        if self._process is None:
            raise RuntimeError("the service is not started")
        return self._process.wait(timeout)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _end(self, number: signal.Signals, timeout: float) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(timeout)


def _serves(channel: grpc.Channel) -> bool:
    try:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = check(health_pb2.HealthCheckRequest(), timeout=1.0)
    except grpc.RpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
