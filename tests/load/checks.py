"""Sets locust's exit code where a run does not meet the criteria.

Average, rate and failures are checked by locust-plugins (``--check-avg-response-time``, ``--check-rps``,
``--check-fail-ratio``); the percentiles of each kind of call, which it has no check for, are checked here alike.
"""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Protocol

from locust.env import Environment

from tests.load.config import CallConfig
from tests.load.criteria import CHECK_FAILED, FAIL_RATIO, P95_MILLISECONDS, REACHED, average_limit, planned_rps
from tests.load.distribution import percentile
from tests.load.load import Load


class Arguments(Protocol):
    """The parser or group of one that options are added to."""

    def add_argument(self, *names: str, type: type, default: float, help: str, env_var: str) -> object:  # noqa: A002
        """Add one."""


def add_options(arguments: Arguments) -> None:
    """Add an option for each kind of call."""
    for kind, limit in P95_MILLISECONDS.items():
        arguments.add_argument(
            f"--check-{kind}-p95",
            type=float,
            default=limit,
            help=f"95th percentile of calls of kind {kind}, in ms",
            env_var=f"LOCUST_CHECK_{kind.upper()}_P95",
        )


def set_defaults(options: Namespace, configs: Sequence[CallConfig]) -> None:
    """Set what is not said to the criteria."""
    rate = planned_rps(configs)
    defaults = {
        "check_fail_ratio": FAIL_RATIO,
        "check_avg_response_time": average_limit(configs),
        "check_rps": None if rate is None else REACHED * rate,
    }
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)


def check(environment: Environment, loads: Sequence[Load]) -> None:
    """Compare the percentiles with their limits, and let no fault of the runner itself pass for a good run."""
    faults = [*_slow_kinds(environment.parsed_options, loads), *_faults_of_the_runner(environment, loads)]
    for fault in faults:
        logging.info("CHECK FAILED: %s", fault)
        environment.process_exit_code = CHECK_FAILED


def _slow_kinds(options: Namespace | None, loads: Sequence[Load]) -> Iterator[str]:
    for kind, default in P95_MILLISECONDS.items():
        latencies = sorted(
            outcome.latency for load in loads if load.config.tags.get("kind") == kind for outcome in load.outcomes
        )
        limit, value = getattr(options, f"check_{kind}_p95", default), percentile(latencies or [0], 95) / 1e6
        if value > limit:
            yield f"{kind} p95 was {value:.1f} ms (threshold {limit:.1f} ms)"


def _faults_of_the_runner(environment: Environment, loads: Sequence[Load]) -> Iterator[str]:
    for load in loads:
        if not load.outcomes:
            yield f"no call of {load.config.name} has ended"
    if environment.runner is not None and environment.runner.exceptions:
        yield "the runner itself failed"
