"""``make run``: starts the service, writes and queries a small sample, says what to try next, and serves."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from iotflow.telemetry import Record, TelemetryClient
from iotflow_server.app import running
from iotflow_server.cli.serve import run_loop, stop_signal
from iotflow_server.config import Settings

_NEXT = """
Try next, from another terminal (grpcurl: go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest):

  grpcurl -plaintext {address} list

  grpcurl -plaintext -d '{{"records":[{{"device_id":1,"values":{{"temperature":{{"numeric":22.5}}}}}}]}}' \\
      {address} iotflow.telemetry.v1.TelemetryService/WriteTelemetry

  grpcurl -plaintext -d '{{"filter":{{"device_ids":[1]}},"order":"ORDER_DESCENDING","page_size":10}}' \\
      {address} iotflow.telemetry.v1.TelemetryService/QueryTelemetry

  grpcurl -plaintext {address} iotflow.telemetry.v1.MigrationService/GetMigration

Data is kept in {folder}. Ctrl-C ends.
"""


def main() -> None:
    """Run the sample and serve; exit code 1 with one line on stderr where the service cannot start."""
    # A newcomer wants to see the sample, not the log; whoever wants the log says so.
    os.environ.setdefault("IOTFLOW_LOG_LEVEL", "WARNING")
    os.environ.setdefault("IOTFLOW_LOG_FORMAT", "console")
    run_loop(_run)


async def _run(settings: Settings) -> None:
    stop = stop_signal()
    async with running(settings) as server:
        host = settings.listen.rpartition(":")[0]
        address = f"{host}:{server.port}"
        _say(f"iotflow-telemetry serves on {address}.")
        await _show_sample(address)
        _say(_NEXT.format(address=address, folder=settings.data_dir))
        await stop.wait()
        _say("Ending: what was taken is stored first.")


async def _show_sample(address: str) -> None:
    async with TelemetryClient(address) as client:
        now = datetime.now(UTC)
        written = await client.write(
            [Record(1, {"temperature": 21.5, "door_open": False, "uptime_s": 86_400}, now, metadata={"site": "north"})]
        )
        stores = ", ".join(map(str, written.stored_in))
        _say(f"Wrote {written.accepted_points} points of device 1, durable in {stores}. Its newest ones:")
        page = await client.query(device_ids=[1], order="descending", page_size=6)
        for point in page.points:
            _say(f"  {point.timestamp}  {point.measurement:<12} {point.value!r}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
