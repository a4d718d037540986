"""Locust patches the standard library: nothing of it may reach the process of the tests."""

from __future__ import annotations

import subprocess
import sys

from tests.load.ghz import ROOT


def test_what_starts_locust_does_not_import_it() -> None:
    code = (
        "import sys, tests.load.__main__, tests.load.running; "
        "print([name for name in sys.modules if name.split('.')[0] in ('gevent', 'locust', 'locust_plugins')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
