"""``make bench``: measures on this machine, each figure beside its limit; prints a table, writes build/bench.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from iotflow_server.local.ending import end_as_by_ctrl_c
from iotflow_server.local.iotdb import IotdbUnavailableError
from tests.bench.measure import FULL, QUICK, Measure, Scale
from tests.bench.registry import MEASURES
from tests.bench.report import table, write
from tests.bench.result import Result

_OUTPUT = Path(__file__).parents[2] / "build" / "bench.json"


def main() -> None:
    """Measure what is asked for, all by default."""
    options = _options()
    end_as_by_ctrl_c()
    scale = QUICK if options.quick else FULL
    if options.rounds:
        scale = replace(scale, rounds=options.rounds)
    results, missing = [], []
    for measure in options.only:
        sys.stderr.write(f"{measure.key} ...\n")
        try:
            results.append(measured(measure, scale))
        except IotdbUnavailableError as error:
            missing.append(f"{measure.key} was not measured: {error}")
        write(_OUTPUT, results, is_quick=options.quick)
    sys.stdout.write(table(results))
    if missing:
        sys.exit("\n".join(missing))


def measured(measure: Measure, scale: Scale) -> Result:
    """Take a measure in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="iotflow-bench-") as folder:
        return measure.take(measure, Path(folder), scale)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", type=_measures, default=list(MEASURES.values()), help="keys, separated by commas")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: does it work at all?")
    parser.add_argument("--rounds", type=int, help="rounds after the one that is thrown away; 5 by default")
    return parser.parse_args()


def _measures(keys: str) -> list[Measure]:
    unknown = [key for key in keys.split(",") if key not in MEASURES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    return [MEASURES[key] for key in keys.split(",")]


if __name__ == "__main__":
    main()
