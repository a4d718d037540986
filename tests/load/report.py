"""The report of a run in the form that ghz gives it as JSON, so that one reader knows both."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tests.load import distribution
from tests.load.config import CallConfig
from tests.load.outcome import Outcome

PERCENTAGES: Final = (10, 25, 50, 75, 90, 95, 99)
Nanoseconds = int
#: All calls were made, the duration was over, or the run was interrupted.
EndReason = Literal["normal", "timeout", "cancel"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class LatencyAt(_Part):
    """A percentile."""

    percentage: int
    latency: Nanoseconds


class HistogramBucket(_Part):
    """Calls of at most ``mark`` seconds, and their share of all."""

    mark: float
    count: int
    frequency: float


class Detail(_Part):
    """One call; ``timestamp`` is its end."""

    timestamp: datetime
    latency: Nanoseconds
    error: str
    status: str


class Options(BaseModel):
    """How the run was set. Durations are in nanoseconds; ghz leaves out most of what is not set."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )

    call: str
    host: str
    proto: str | None = None
    import_paths: list[str] | None = None
    insecure: bool
    rps: int | None = None
    load_schedule: str
    load_start: int
    load_end: int
    load_step: int
    load_step_duration: Nanoseconds
    load_max_duration: Nanoseconds
    concurrency: int
    concurrency_schedule: str = "const"
    concurrency_start: int = 1
    concurrency_end: int = 0
    concurrency_step: int = 0
    concurrency_step_duration: Nanoseconds = 0
    concurrency_max_duration: Nanoseconds = 0
    total: int | None = None
    connections: int
    duration: Nanoseconds | None = None
    timeout: Nanoseconds | None = None
    dial_timeout: Nanoseconds | None = None
    data: Any = None
    binary: bool = False
    metadata: dict[str, str] | None = None
    cpus: Annotated[int, Field(alias="CPUs")]
    name: str | None = None
    skip_first: Annotated[int | None, Field(alias="skipFirst")] = None
    count_errors: bool | None = None


class Report(_Part):
    """What a run came to. Latencies are of the calls that ended well, the average is of all."""

    date: datetime
    name: str = ""
    end_reason: EndReason
    options: Options
    count: int
    total: Nanoseconds
    average: Nanoseconds
    fastest: Nanoseconds
    slowest: Nanoseconds
    rps: float
    error_distribution: dict[str, int]
    status_code_distribution: dict[str, int]
    latency_distribution: list[LatencyAt] | None
    histogram: list[HistogramBucket] | None
    details: list[Detail] | None
    tags: dict[str, str] = {}

    def latency(self, percentage: int) -> Nanoseconds | None:
        """A percentile, None where no call ended well."""
        return next((at.latency for at in self.latency_distribution or () if at.percentage == percentage), None)


def read_report(path: Path) -> Report:
    """Read a report of either tool."""
    return Report.model_validate_json(path.read_bytes())


def write_report(report: Report, path: Path) -> None:
    """Write a report as ghz's format ``pretty``: without the options that are not set."""
    document = report.model_dump(mode="json", by_alias=True)
    document["options"] = report.options.model_dump(mode="json", by_alias=True, exclude_none=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def report_of(
    config: CallConfig, outcomes: Sequence[Outcome], seconds: float, date: datetime, end_reason: EndReason
) -> Report:
    """Sum up a run of ``seconds``."""
    counted = sorted(one.latency for one in outcomes if config.count_errors or not one.error)
    return Report(
        date=date.replace(microsecond=0),
        name=config.name,
        end_reason=end_reason,
        options=_options(config),
        count=len(outcomes),
        total=round(seconds * 1e9),
        average=sum(one.latency for one in outcomes) // max(1, len(outcomes)),
        fastest=counted[0] if counted else 0,
        slowest=counted[-1] if counted else 0,
        rps=len(outcomes) / seconds if seconds else 0.0,
        error_distribution=Counter(one.error for one in outcomes if one.error),
        status_code_distribution=Counter(one.status for one in outcomes),
        latency_distribution=_percentiles(counted) if counted else None,
        histogram=_histogram(counted) if counted else None,
        details=[
            Detail(timestamp=one.ended, latency=one.latency, error=one.error, status=one.status) for one in outcomes
        ],
        tags=config.tags,
    )


def _percentiles(ordered: Sequence[int]) -> list[LatencyAt]:
    return [LatencyAt(percentage=at, latency=distribution.percentile(ordered, at)) for at in PERCENTAGES]


def _histogram(ordered: Sequence[int]) -> list[HistogramBucket]:
    return [
        HistogramBucket(mark=bucket.mark, count=bucket.count, frequency=bucket.count / len(ordered))
        for bucket in distribution.histogram(ordered)
    ]


def _options(config: CallConfig) -> Options:
    return Options(
        call=config.call,
        host=config.host,
        proto=config.proto or None,
        import_paths=config.import_paths or None,
        insecure=config.insecure,
        rps=config.rps or None,
        load_schedule=config.load_schedule,
        load_start=config.load_start,
        load_end=config.load_end,
        load_step=config.load_step,
        load_step_duration=_nanoseconds(config.load_step_duration),
        load_max_duration=_nanoseconds(config.load_max_duration),
        concurrency=config.concurrency,
        total=config.calls,
        connections=config.connections,
        duration=_nanoseconds(config.seconds or 0) or None,
        timeout=_nanoseconds(config.timeout) or None,
        data=config.data,
        metadata=config.metadata or None,
        cpus=os.cpu_count() or 1,
        name=config.name or None,
        skip_first=config.skip_first or None,
        count_errors=config.count_errors or None,
    )


def _nanoseconds(seconds: float) -> Nanoseconds:
    return round(seconds * 1e9)
