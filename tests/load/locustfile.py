"""``locust -f tests/load/locustfile.py --headless --scenario tests/load/configs/write_unary.json``.

Runs configs of ghz, and mixes of them, under locust; docs/load-testing.md says how.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import gevent
import locust_plugins  # noqa: F401  (adds its options and checks)
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, Runner

from tests.load import checks
from tests.load.config import ConfigError, parse
from tests.load.load import Load
from tests.load.picture import picture
from tests.load.report import write_report
from tests.load.scenario import Overrides, expand
from tests.load.user import GrpcUser, Seats, cut_in_time

__all__ = ["GrpcUser"]


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the options of the runner and its checks."""
    group = parser.add_argument_group("ghz configs", "--host replaces the configs' own host")
    group.add_argument("--scenario", required=True, help="a config of ghz, or a mix", env_var="LOAD_SCENARIO")
    group.add_argument("--total", type=int, help="make this many calls, whatever the scenario says")
    group.add_argument("--duration", help="make calls for this long (20s), whatever the scenario says")
    group.add_argument("--report-dir", type=Path, help="folder for a report of each config and a picture")
    checks.add_options(parser.add_argument_group("Checks of percentiles", "exit code 3 where one is not met"))


@events.init.add_listener
def prepare(environment: Environment, runner: Runner, web_ui: object, **_: Any) -> None:
    """Make the loads, and the users that they need."""
    options = environment.parsed_options
    assert options is not None
    if web_ui is not None or not isinstance(runner, LocalRunner):
        sys.exit("the configs say how many users there are: run one process with --headless")
    try:
        loads = _loads(options)
    except ConfigError as error:
        sys.exit(str(error))
    checks.set_defaults(options, [load.config for load in loads])
    GrpcUser.seats = seats = Seats(loads)
    options.num_users = options.spawn_rate = seats.count
    environment.stop_timeout = max(load.config.timeout for load in loads)

    @environment.events.test_start.add_listener
    def watch(**_: Any) -> None:
        for load in loads:
            cut_in_time(load)
        gevent.spawn(_quit_when_finished, seats, runner)

    @environment.events.quitting.add_listener
    def conclude(**_: Any) -> None:
        checks.check(environment, loads)
        if options.report_dir is not None:
            _write(loads, options.report_dir)


def _loads(options: Namespace) -> list[Load]:
    overrides = Overrides(options.host, options.total, options.duration)
    documents = expand(Path(options.scenario), overrides)
    return [Load(parse(document, document["name"])) for document in documents]


def _quit_when_finished(seats: Seats, runner: Runner) -> None:
    seats.finished.wait()
    runner.quit()


def _write(loads: list[Load], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    reports = [load.report() for load in loads]
    for report in reports:
        write_report(report, folder / f"{report.name}.json")
    (folder / "picture.svg").write_text(picture(reports), encoding="utf-8")
