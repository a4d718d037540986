"""``make load``: runs every scenario under locust and, where it is installed, under ghz, and shows both."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from iotflow_server.local.service import ServiceProcess
from tests.load.config import ConfigError
from tests.load.criteria import CHECK_FAILED
from tests.load.ghz import MISSING, GhzError, find_ghz, run_ghz
from tests.load.picture import picture
from tests.load.report import Report, read_report
from tests.load.runner import ROOT, LocustError, run_locust
from tests.load.scenario import Overrides, expand
from tests.load.seed import seed
from tests.load.table import side_by_side

FOLDER = Path(__file__).parent
SCENARIOS = [
    FOLDER / "configs" / "write_unary.json",
    FOLDER / "configs" / "write_stream.json",
    FOLDER / "configs" / "write_ramp.json",
    FOLDER / "mixes" / "query.json",
    FOLDER / "mixes" / "write_query.json",
]
REPORTS = ROOT / "build" / "load"


def main() -> None:
    """Exit with 1 where locust's checks found a criterion that is not met."""
    options = _options()
    try:
        ghz = find_ghz()
        if ghz is None:
            _say(f"NO COMPARISON: {MISSING}")
        _say(f"{os.cpu_count()} cores; load of this machine without what follows: {os.getloadavg()[0]:.1f}")
        with _host(options.host) as host:
            _say(f"{seed(host):,} points of history for the queries are in {host}")
            overrides = Overrides(host, duration=options.duration)
            failed = [path.stem for path in options.scenarios if not _run(path, overrides, ghz)]
    except (ConfigError, GhzError, LocustError) as error:
        sys.exit(f"load: {error}")
    sys.exit(f"load: the criteria are not met by {', '.join(failed)}" if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("scenarios", nargs="*", type=Path, default=SCENARIOS, help="configs of ghz, or mixes")
    parser.add_argument("--host", help="the service, as host:port; one of its own is started otherwise")
    parser.add_argument("--duration", default="5s", help="of each scenario, under each of the tools")
    return parser.parse_args()


@contextmanager
def _host(given: str | None) -> Iterator[str]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="iotflow-load-") as folder:
        service = ServiceProcess(Path(folder), {})
        try:
            service.start()
            yield service.address
        finally:
            service.terminate()


def _run(path: Path, overrides: Overrides, ghz: Path | None) -> bool:
    """Run a scenario under both tools and show what came of it; tell whether the criteria are met."""
    _say(f"\n{path.stem}")
    documents, folder = expand(path, overrides), REPORTS / path.stem
    done = run_locust(path, folder / "locust", "--host", str(overrides.host), "--duration", str(overrides.duration))
    if done.returncode not in (0, CHECK_FAILED):
        raise LocustError(f"{path.stem}: {done.stdout}")
    tools = {"locust": [read_report(folder / "locust" / f"{document['name']}.json") for document in documents]}
    if ghz is not None:
        tools["ghz"] = run_ghz(ghz, documents, folder / "ghz")
        (folder / "ghz" / "picture.svg").write_text(picture(tools["ghz"]), encoding="utf-8")
    _say(side_by_side([(f"{report.name} {tool}", report) for pair in _pairs(tools) for tool, report in pair]))
    for line in done.stdout.splitlines():
        if "CHECK FAILED" in line:
            _say(line[line.index("CHECK FAILED") :])
    return done.returncode == 0


def _pairs(tools: Mapping[str, Sequence[Report]]) -> list[list[tuple[str, Report]]]:
    """For each config, its report by each tool."""
    return [list(zip(tools, reports, strict=True)) for reports in zip(*tools.values(), strict=True)]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
