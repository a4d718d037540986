"""``make bench``: measures on this machine, and prints rows a second."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench.postgres_ingest import CHUNK, CHUNKS, postgres_ingest


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help=f"rounds of {CHUNK * CHUNKS:,} rows a path")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(postgres_ingest(Path(folder) / "postgres", rounds))
    reference = figures[-1].rows_per_second
    sys.stdout.write(f"{'rows/s':>10}  {'slowest':>10}  {'fastest':>10}  of COPY  path\n")
    for figure in figures:
        share = figure.rows_per_second / reference
        sys.stdout.write(
            f"{figure.rows_per_second:>10,.0f}  {figure.slowest:>10,.0f}  {figure.fastest:>10,.0f}"
            f"  {share:>7.0%}  {figure.name}\n"
        )


if __name__ == "__main__":
    main()
