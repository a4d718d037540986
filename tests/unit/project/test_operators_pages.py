"""The pages for operators name all that the code shows them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from iotflow.telemetry.cli.migrate.group import migrate
from tests.unit.project.tree import ROOT, texts

SERVER = "server/iotflow_server/*.py"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
_METRIC = re.compile(r'"(iotflow_[a-z_]+)"')
_GUARD = re.compile(r"`(\w+)`")
_LOOP = re.compile(r"^(?:until|while) .*$", re.MULTILINE)
#: Ends with one code after the other, of a file, and with the last one from then on.
_IOTFLOW = """#!/bin/sh
read -r code rest < codes
echo "${rest:-$code}" > codes
echo "$*" >> called
exit "$code"
"""


def calls() -> Iterator[ast.Call]:
    for _, text in texts(SERVER):
        yield from (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))


def words_of(call: ast.Call, keyword: str, *, first: bool = False) -> Iterator[str]:
    """What an argument of a call says, as far as it is written there."""
    given = [each.value for each in call.keywords if each.arg == keyword] + (call.args[:1] if first else [])
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
        elif isinstance(value, ast.JoinedStr) and isinstance(value.values[-1], ast.Constant):
            yield str(value.values[-1].value)


def test_every_action_of_the_log_is_in_the_operations_page() -> None:
    logged = [call for call in calls() if isinstance(call.func, ast.Attribute) and _is_log(call.func.value)]
    actions = {word for call in logged for word in words_of(call, "action")}
    assert len(actions) > 40
    assert {action for action in actions if f"`{action}`" not in OPERATIONS} == set()


def test_every_metric_is_in_the_operations_page() -> None:
    metrics = {name for _, text in texts("server/iotflow_server/observability/*.py") for name in _METRIC.findall(text)}
    assert len(metrics) > 20
    told = {name.removesuffix("_total") for name in re.findall(r"`(iotflow_[a-z_]+)`", OPERATIONS)}
    assert metrics - told == set()


def test_every_guard_is_among_the_alarms_of_the_runbook() -> None:
    made = [call for call in calls() if isinstance(call.func, ast.Name) and call.func.id == "Guard"]
    guards = {word for call in made for word in words_of(call, "name", first=True)}
    assert len(guards) > 10
    told = set(_GUARD.findall(RUNBOOK[RUNBOOK.index("## Alarms") :]))
    # The name of a guard may begin with that of a store.
    assert {guard for guard in guards if not any(name.endswith(guard) for name in told)} == set()


@pytest.mark.parametrize(("codes", "asked"), [("0", 1), ("3 3 0", 3), ("3 1", 2), ("3 2", 2)])
@pytest.mark.parametrize("loop", sorted(set(_LOOP.findall(RUNBOOK))))
def test_a_loop_of_the_runbook_waits_while_guards_do_not_hold_and_no_longer(
    loop: str, codes: str, asked: int, tmp_path: Path
) -> None:
    command = tmp_path / "iotflow"
    command.write_text(_IOTFLOW)
    command.chmod(0o755)
    (tmp_path / "codes").write_text(f"{codes}\n")
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    script = loop.replace("sleep 1", "sleep 0.01")
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, env={"PATH": path}, check=True, timeout=10)
    assert len((tmp_path / "called").read_text().splitlines()) == asked


def test_the_help_of_the_commands_says_of_each_code_what_the_runbook_says() -> None:
    told = dict(re.findall(r"^\| (\d) \| ([^|:]+?)(?::[^|]*)? \|", RUNBOOK, re.MULTILINE))
    assert list(told) == [str(code) for code in range(6)]
    epilog = migrate.info.epilog or ""
    assert [f"{code} {words}" for code, words in told.items() if f"{code} {words}" not in epilog] == []


def _is_log(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in {"_log", "log"}
