"""``make demo``: carries a simulated fleet from a real IoTDB to PostgreSQL, and counts what was lost."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from iotflow.telemetry import TelemetryClient
from iotflow_server.demo.fleet import Fleet
from iotflow_server.demo.history import History, fill
from iotflow_server.demo.journey import travel
from iotflow_server.demo.ledger import Ledger, Verdict
from iotflow_server.local.iotdb import IotdbUnavailableError, LocalIotdb
from iotflow_server.local.postgres import LocalPostgres, LocalPostgresError
from iotflow_server.local.service import ServiceProcess

_DATABASE = "root.iotflow"


def main() -> None:
    """Run the demo; exit code 1 where a point was lost or wrong, or a part is missing."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="iotflow-demo-") as folder, ExitStack() as stack:
        try:
            verdict = asyncio.run(_demo(Path(folder), options, stack))
        except (IotdbUnavailableError, LocalPostgresError) as error:
            sys.exit(f"demo: {error}")
    sys.exit(1 if verdict.lost or verdict.wrong else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--devices", type=int, default=20, help="devices of the fleet, all with a history")
    parser.add_argument("--gateways", type=int, default=4, help="gateways that stream throughout")
    parser.add_argument("--records", type=int, default=2_000, help="records of history for each device")
    parser.add_argument("--stay", type=float, default=5.0, help="seconds to stay in each phase at least")
    return parser.parse_args()


async def _demo(folder: Path, options: argparse.Namespace, stack: ExitStack) -> Verdict:
    ledger, now_ms = Ledger(), int(time.time() * 1000)
    # Every third device belongs to nobody, as the oldest ones did.
    owners = {device: 1 + device % 5 if device % 3 else 0 for device in range(1, options.devices + 1)}
    _say("starting a real IoTDB and PostgreSQL ...")
    iotdb, postgres = LocalIotdb(folder / "iotdb"), LocalPostgres(folder / "postgres")
    await asyncio.gather(asyncio.to_thread(iotdb.start), asyncio.to_thread(postgres.start))
    stack.callback(iotdb.kill)
    stack.callback(postgres.stop, "immediate")

    history = History(_DATABASE, owners, options.records, now_ms - 1000 * options.records - 3_600_000)
    await asyncio.to_thread(fill, iotdb.host, iotdb.port, history, ledger)
    _say(f"filled IoTDB with {len(ledger):,} points of history in the older system's layouts")

    service = ServiceProcess(folder / "service", _settings(iotdb, postgres))
    await asyncio.to_thread(service.start)
    stack.callback(service.terminate)
    gateways = [sorted(owners)[first :: options.gateways] for first in range(options.gateways)]
    fleet = Fleet(service.address, gateways, ledger, now_ms * 1000)
    fleet.start()
    async with TelemetryClient(service.address) as client:
        await travel(client, fleet, options.stay, _say)
    await fleet.stop()
    verdict = await ledger.compare(postgres.dsn)
    _report(fleet, verdict)
    return verdict


def _settings(iotdb: LocalIotdb, postgres: LocalPostgres) -> dict[str, str]:
    return {
        "IOTDB_HOST": iotdb.host,
        "IOTDB_PORT": str(iotdb.port),
        "IOTDB_DATABASE": _DATABASE,
        "IOTFLOW_POSTGRES_DSN": postgres.dsn,
    }


def _report(fleet: Fleet, verdict: Verdict) -> None:
    _say("\nwaits of the gateways, from sending a message to its acknowledgement, in ms:")
    _say(f"  {'phase':<16}{'messages':>9}{'p50':>8}{'p95':>8}{'p99':>8}")
    for period, waits in fleet.waits.items():
        p50, p95, p99 = np.percentile(waits, [50, 95, 99])
        _say(f"  {period:<16}{len(waits):>9,}{p50:>8.1f}{p95:>8.1f}{p99:>8.1f}")
    _say(f"streams that broke: {fleet.broken_streams}")
    _say("\nevery acknowledged point, history included, read back from PostgreSQL:")
    _say(f"  written {verdict.written:,}   lost {verdict.lost:,}   wrong {verdict.wrong:,}")
    for sample in verdict.samples:
        _say(f"    {sample}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
