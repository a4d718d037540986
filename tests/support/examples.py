"""How hypothesis draws examples: by a seed that each run has of its own, told wherever a run has failed."""

from __future__ import annotations

import os
import random
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

_RUN: Final = "IOTFLOW_TEST_SEED"

# Named is whose child this is: with CI=true hypothesis loads a profile that draws the same examples in every run.
# How long a test takes is no matter of its own, since machines are shared; and a child of "default" keeps the examples
# that failed, to begin with them.
settings.register_profile(
    "iotflow",
    settings.get_profile("default"),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("iotflow")


@pytest.fixture(scope="session")
def run_seed() -> int:
    """What this run draws its data from; ``--hypothesis-seed`` names it."""
    return int(os.environ[_RUN])


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed of the run; workers inherit it."""
    if hasattr(config, "workerinput"):
        return
    given = config.option.hypothesis_seed
    os.environ[_RUN] = given or str(random.randrange(2**32))
    # Elsewhere hypothesis draws for itself, as it tries what has failed before only where nobody gives it a seed.
    if os.environ.get("CI") == "true":
        config.option.hypothesis_seed = os.environ[_RUN]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how to draw the same once more."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"--hypothesis-seed={os.environ[_RUN]} draws the same examples and data")
