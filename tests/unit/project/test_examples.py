"""Each run draws examples of its own, and a failed one tells how to draw them again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.project.tree import ROOT

_TEST = """
from hypothesis import given, settings, strategies as st

@given(st.integers())
def test_all_numbers_are_small(number):
    print("drawn", number)
    assert number < 2**16
"""


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A test of a property that does not hold."""
    path = tmp_path / "test_failing.py"
    path.write_text(_TEST, "utf-8")
    return path


def run(test: Path, *options: str) -> str:
    """What pytest prints in CI."""
    plugin = ("-p", "tests.support.examples", "-p", "no:locust", "-p", "no:cacheprovider", "-q", "-s")
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *options, f"--rootdir={test.parent}", "-c", os.devnull, str(test)],
        cwd=ROOT,
        env=os.environ | {"CI": "true"},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 1, found.stdout + found.stderr
    return found.stdout


def drawn(output: str) -> list[str]:
    return re.findall(r"^drawn (-?\d+)$", output, re.MULTILINE)


def test_runs_in_ci_draw_different_examples_until_a_seed_is_given(failing: Path) -> None:
    first, second = run(failing), run(failing)
    assert drawn(first) != drawn(second)
    seed = re.search(r"--hypothesis-seed=\d+", first)
    assert seed is not None
    assert drawn(run(failing, seed[0])) == drawn(first)


def test_a_failure_in_ci_is_told_with_its_example_and_how_to_have_it_again(failing: Path) -> None:
    output = run(failing)
    assert "number=65536" in output
    assert "@reproduce_failure" in output
