"""``make chaos``: kills service, PostgreSQL and a gateway under full load, round by round; counts what is lost."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

import iotflow_server.cli  # noqa: F401  # first: it keeps gRPC from meddling with the processes that are started
from tests.chaos.rounds import VICTIMS, Round, rounds


def main() -> None:
    """Exit code 1 where an acknowledged point was lost or wrong."""
    options = _options()
    chance = random.Random(options.seed)
    victims = [chance.choice(VICTIMS) for _ in range(options.rounds)]
    sys.stdout.write(f"seed {options.seed}, {options.workers} worker(s)\n")
    told: list[Round] = []

    def tell(one: Round) -> None:
        told.append(one)
        sys.stdout.write(
            f"{len(told):3}  {one.victim:8} {one.seconds:5.1f} s  {one.acknowledged:10,} rows acknowledged, "
            f"{one.lost} lost, {one.wrong} wrong\n"
        )
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="iotflow-chaos-") as folder:
        asyncio.run(rounds(victims, options.seed, options.workers, Path(folder), tell))
    lost, wrong = sum(one.lost for one in told), sum(one.wrong for one in told)
    sys.stdout.write(f"{len(told)} rounds, {lost} lost, {wrong} wrong; every write of the gateway process is stored\n")
    sys.exit(1 if lost or wrong else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="kills; 20 by default")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="for the same kills again")
    parser.add_argument("--workers", type=int, default=1, help="processes of the service; 1 by default")
    return parser.parse_args()


if __name__ == "__main__":
    main()
