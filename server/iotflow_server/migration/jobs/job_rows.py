"""Jobs and findings from and to rows of PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import asyncpg

from iotflow_server.migration.jobs.job import Job, Progress, RecordedFinding
from iotflow_server.migration.jobs.spec import JobKind, JobPace, JobSpec, JobState
from iotflow_server.migration.jobs.work import Failure, Finding
from iotflow_server.stores.postgres.clock import datetime_of

#: Samples kept of each code.
MOST_SAMPLES: Final = 5


def job_of(row: asyncpg.Record | None) -> Job:
    """The job of a row that is there."""
    assert row is not None
    return Job(
        id=row["id"],
        spec=JobSpec.from_json(JobKind(row["kind"]), json.loads(row["spec"])),
        pace=JobPace.from_json(json.loads(row["pace"])),
        state=JobState(row["state"]),
        progress=_progress(row),
        epoch=row["epoch"],
        created_by=row["created_by"],
        created_at=datetime_of(row["created_at"]),
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        instance=row["leased_by"] or "",
        error=row["error"],
        report=None if row["report"] is None else json.loads(row["report"]),
    )


def failures_of(stored: str) -> tuple[Failure, ...]:
    """Failures from JSON."""
    found = json.loads(stored).items()
    return tuple(Failure(code, each["count"], tuple(each["samples"])) for code, each in found)


def failures_json(failures: Iterable[Failure]) -> str:
    """Failures as JSON by code."""
    return json_text({each.code: {"count": each.count, "samples": each.samples} for each in failures})


def added(known: Iterable[Failure], further: Iterable[Failure]) -> tuple[Failure, ...]:
    """Failures of both, one for each code, with the first few samples."""
    merged: dict[str, Failure] = {}
    for each in (*known, *further):
        before = merged.get(each.code, Failure(each.code, 0))
        samples = (*before.samples, *each.samples)[:MOST_SAMPLES]
        merged[each.code] = Failure(each.code, before.count + each.count, samples)
    return tuple(merged.values())


def finding_of(row: asyncpg.Record) -> RecordedFinding:
    """The finding of a row."""
    finding = Finding(row["code"], row["subject"], row["detail"], row["points"], row["is_informational"])
    return RecordedFinding(finding, row["waived_by"] or "", row["waived_reason"] or "")


def finding_columns(findings: Iterable[Finding]) -> list[list[Any]]:
    """Findings in columns; PostgreSQL's text cannot hold U+0000."""
    rows = [asdict(finding) for finding in findings]
    texts = [[str(row[name]).replace("\0", "\\0") for row in rows] for name in ("code", "subject", "detail")]
    return [*texts, [row["points"] for row in rows], [row["is_informational"] for row in rows]]


def json_text(value: Mapping[str, Any]) -> str:
    """JSON text that PostgreSQL's jsonb takes: names of IoTDB may hold U+0000, which it cannot."""
    return json.dumps(value).replace("\\u0000", "\\\\0")


def _progress(row: asyncpg.Record) -> Progress:
    return Progress(
        points_done=row["points_done"],
        points_total=row["points_total"],
        chunks_done=row["chunks_done"],
        chunks_total=row["chunks_total"],
        chunks_failed=row["chunks_failed"],
        points_per_second=row["points_per_second"],
        waiting_for=row["waiting_for"],
        failures=failures_of(row["failures"]),
        open_findings=row["open_findings"],
        rounds=row["rounds"],
    )


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime_of(microseconds)
