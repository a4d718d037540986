"""A real IoTDB on this machine: one ConfigNode and one DataNode, for tests and the demo."""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from iotflow_server.local.iotdb_jars import IotdbUnavailableError, jars, java

__all__ = ["IotdbUnavailableError", "LocalIotdb"]

_HOST: Final = "127.0.0.1"
_PORTS: Final = (
    "dn_rpc_port",
    "dn_internal_port",
    "dn_mpp_data_exchange_port",
    "dn_schema_region_consensus_port",
    "dn_data_region_consensus_port",
    "cn_internal_port",
    "cn_consensus_port",
)
_CONFIG_NODE: Final = "org.apache.iotdb.confignode.service.ConfigNode"
_DATA_NODE: Final = "org.apache.iotdb.db.service.DataNode"
#: Heap, and memory beside it: each schema region takes 16 MB of that for its log.
_MEMORY: Final = {"confignode": ("192m", "128m"), "datanode": ("768m", "768m")}
_OPENED: Final = ("lang", "util", "util.concurrent", "nio", "io", "net")
_READY: Final = {"confignode": b"joined the cluster", "datanode": b"set up successfully"}
#: Below the range that outgoing connections take their ports from, so that a restart finds its ports free.
_PORT_RANGE: Final = range(20_000, 32_000)

_LOGBACK: Final = """<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{0}: %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"""


class LocalIotdb:
    """An IoTDB whose data, logs and settings lie in one folder. Its ports are free ones and stay the same."""

    def __init__(self, folder: Path, *, properties: dict[str, str] | None = None) -> None:
        """``properties`` are further lines of iotdb-system.properties."""
        self.folder = folder.absolute()
        self._ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        self._properties = properties or {}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def host(self) -> str:
        """Address of the DataNode."""
        return _HOST

    @property
    def port(self) -> int:
        """RPC port of the DataNode."""
        return self._ports["dn_rpc_port"]

    @property
    def process_ids(self) -> list[int]:
        """Ids of the running processes, each the leader of a group of its own."""
        return [process.pid for process in self._processes]

    def start(self, *, timeout: float = 90.0) -> None:
        """Start both nodes and return once clients can connect.

        :raises IotdbUnavailableError: Java or Maven is missing, or a node did not come up; with the log's end.
        """
        runtime, library = java(), jars()
        self._write_settings()
        deadline = time.monotonic() + timeout
        atexit.register(self.kill)
        try:
            self._launch(runtime, library, "confignode", _CONFIG_NODE)
            self._await("confignode", self._ports["cn_internal_port"], deadline)
            self._launch(runtime, library, "datanode", _DATA_NODE)
            self._await("datanode", self.port, deadline)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End both nodes in order, so that they keep all data; kill what does not end in 20 s."""
        for process in reversed(self._processes):
            self._signal(process, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                break
        self.kill()

    def kill(self) -> None:
        """End both nodes at once (SIGKILL), as a crash would."""
        for process in self._processes:
            self._signal(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()
        atexit.unregister(self.kill)

    def leave_running(self) -> None:
        """Let the nodes outlive this process; whoever knows ``process_ids`` ends them."""
        atexit.unregister(self.kill)

    def pause(self) -> None:
        """Freeze both nodes (SIGSTOP): connections stay, nothing answers."""
        for process in self._processes:
            self._signal(process, signal.SIGSTOP)

    def resume(self) -> None:
        """Let frozen nodes go on."""
        for process in self._processes:
            self._signal(process, signal.SIGCONT)

    def _launch(self, runtime: str, library: Path, node: str, main: str) -> None:
        variables = {"confignode": "CONFIGNODE", "datanode": "IOTDB"}
        heap, direct = _MEMORY[node]
        options = [
            f"-Xmx{heap}",
            f"-XX:MaxDirectMemorySize={direct}",
            "-XX:+UseSerialGC",
            f"-D{variables[node]}_HOME={self.folder}",
            f"-D{variables[node]}_CONF={self.folder / 'conf'}",
            f"-DTSFILE_CONF={self.folder / 'conf'}",
            f"-Dlogback.configurationFile={self.folder / 'conf' / 'logback.xml'}",
            *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
        ]
        command = [runtime, *options, "-cp", f"{library}/*", main, "-s"]
        with self._log(node).open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        self._processes.append(process)

    def _await(self, node: str, port: int, deadline: float) -> None:
        process, log = self._processes[-1], self._log(node)
        while _READY[node] not in log.read_bytes() or not _listens(port):
            if process.poll() is not None:
                raise IotdbUnavailableError(f"IoTDB's {node} ended with {process.returncode}:\n{_tail(log)}")
            if time.monotonic() > deadline:
                raise IotdbUnavailableError(f"IoTDB's {node} did not come up in time:\n{_tail(log)}")
            time.sleep(0.05)

    def _write_settings(self) -> None:
        conf = self.folder / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{name}={value}\n" for name, value in self._settings().items())
        (conf / "iotdb-system.properties").write_text(lines, "utf-8")
        (conf / "logback.xml").write_text(_LOGBACK, "utf-8")

    def _settings(self) -> dict[str, str]:
        seed = f"{_HOST}:{self._ports['cn_internal_port']}"
        addresses = ("cn_internal_address", "dn_rpc_address", "dn_internal_address")
        return {
            **dict.fromkeys(addresses, _HOST),
            **{name: str(port) for name, port in self._ports.items()},
            "cn_seed_config_node": seed,
            "dn_seed_config_node": seed,
            "schema_replication_factor": "1",
            "data_replication_factor": "1",
            "schema_region_group_extension_policy": "CUSTOM",
            "default_schema_region_group_num_per_database": "1",
            # In the default mode, ASYNC, a write is acknowledged before it is on its way to the disk.
            "wal_mode": "SYNC",
            "cn_metric_reporter_list": "",
            "dn_metric_reporter_list": "",
            **self._properties,
        }

    def _log(self, node: str) -> Path:
        return self.folder / f"{node}.log"

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        if process.poll() is None:
            os.killpg(process.pid, number)


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for port in random.sample(_PORT_RANGE, len(_PORT_RANGE)):
        if _is_free(port):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise IotdbUnavailableError("no free ports for a local IoTDB")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-25:])
