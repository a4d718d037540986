"""The Makefile is the front door: `make` alone tells what there is."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.unit.project.tree import ROOT


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_alone_explains_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    answer = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    explained = {line.split()[0] for line in answer.splitlines() if len(line.split()) > 1}
    assert explained == set(phony[1].split())
