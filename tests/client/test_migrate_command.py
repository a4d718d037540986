"""``iotflow migrate`` as an operator calls it, against a service that has nothing to migrate any more."""

from __future__ import annotations

import json

import pytest

from iotflow_server.local.service import ServiceProcess
from tests.client.iotflow_command import Iotflow


@pytest.fixture
def migrate(service: ServiceProcess) -> Iotflow:
    """The command."""
    return Iotflow(service.address, "migrate")


async def test_status_tells_what_stands_and_what_to_do(migrate: Iotflow) -> None:
    shown = await migrate("status")
    for words in ("DECOMMISSIONED", "PostgreSQL alone; IoTDB is gone", "written and read", "What to do: nothing"):
        assert words in shown
    status = json.loads(await migrate("status", "--json"))
    assert (status["phase"], status["phase_word"], status["jobs"]) == ("PHASE_DECOMMISSIONED", "DECOMMISSIONED", [])


async def test_history_is_a_table_or_json_lines(migrate: Iotflow) -> None:
    assert "DECOMMISSIONED" in await migrate("history")
    (change,) = [json.loads(line) for line in (await migrate("history", "--json")).splitlines()]
    assert change["epoch"] == "1"


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("advance", "--yes"), 1, "DECOMMISSIONED is the last phase"),
        (("rollback", "--yes"), 1, "there is no way back from DECOMMISSIONED"),
        (("jobs", 99), 1, "there is no job 99"),
        (("jobs", "--watch"), 2, "--watch needs the number of a JOB"),
        (("backfill", "--from", "yesterday"), 2, "'yesterday' is no moment"),
        (("backfill", 0), 2, "Invalid value for '[DEVICES]...'"),
        (("backfill", "--user", -1), 2, "Invalid value for '--user'"),
        (("backfill", "--from", "2026-01-02", "--to", "2026-01-01"), 2, "--from must not be after --to"),
        (("backfill", "--hours", "night"), 1, "pace.hours"),
        (("verify", "--sample", 2), 2, "Invalid value"),
        (("archive",), 2, "Missing option '--folder'"),
        (("archive", "--folder", "/tmp/x"), 1, "cannot do jobs of kind ARCHIVE"),
        (("waive", 1), 2, "Missing option '--reason'"),
    ],
)
async def test_what_is_refused_is_one_line_and_an_exit_code(
    migrate: Iotflow, arguments: tuple[object, ...], code: int, reason: str
) -> None:
    assert reason in await migrate(*arguments, code=code)


async def test_a_service_that_does_not_answer_is_told_at_once() -> None:
    assert "iotflow: " in await Iotflow("127.0.0.1:9", "migrate")("status", "--timeout", 1, code=1)


async def test_the_checklist_names_what_may_be_removed(migrate: Iotflow) -> None:
    shown = await migrate("checklist")
    for words in ("IOTDB_HOST", "apache-iotdb", "manifest.json", "DataNode"):
        assert words in shown
    listed = [json.loads(line) for line in (await migrate("checklist", "--json")).splitlines()]
    assert all(line["step"] in shown for line in listed)
    assert [line["about"] for line in listed][:2] == ["settings", "this service"]
    assert "no jobs yet" in await migrate("jobs")
