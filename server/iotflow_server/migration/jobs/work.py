"""What a kind of job has to do: the contract between the runner and backfill, verification, archive and the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from iotflow_server.migration.jobs.spec import JobSpec
from iotflow_server.stores.name import StoreName


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a job that is done, or not done, as a whole. ``payload`` is JSON and says all that is needed to do it:
    often a device and a range of time. ``points`` is about how much it is."""

    payload: Mapping[str, Any]
    points: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures, or differences, of one code; ``samples`` are the first few, for people."""

    code: str
    count: int
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something by name that an operator has to look at: the phase waits for it, unless it is ``is_informational``.

    (code, subject) is unique in a job: points of further chunks are added up. ``points`` is 0 where it is not known.
    """

    code: str
    subject: str
    detail: str
    points: int = 0
    is_informational: bool = False


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of a chunk that could be worked on. A chunk that could not raises instead."""

    points: int
    failures: tuple[Failure, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a whole job, for its report: all that has been counted, also before it was taken over."""

    points: int
    chunks: int
    chunks_failed: int
    failures: tuple[Failure, ...] = field(default_factory=tuple)


class JobImpossibleError(Exception):
    """A job cannot be done, or go on, as things stand; the message says why. To try a chunk again would be in vain."""


class JobControl(Protocol):
    """What a job's work may ask of the runner."""

    @property
    def job_id(self) -> int:
        """The job's number."""

    async def pace(self, store: StoreName, points: int) -> None:
        """Wait until so many points may go to or come from a store; returns at once where nothing holds it back.

        Call it before each read or write of some ten thousand points, and never while holding a lock or a
        transaction: it waits for as long as the job is held up.
        """

    def waiting(self, reason: str) -> AbstractContextManager[None]:
        """Show, during the block, what is waited for."""

    async def found(self, *findings: Finding) -> None:
        """Make findings durable that belong to no chunk; for those of a plan."""


class Work(Protocol):
    """The work of one run of a job by one instance.

    Everything may end at any line, by cancellation or kill -9, and another run goes on: chunks that were done are not
    done again, others from their beginning, maybe twice at once.
    """

    def plan(self) -> AsyncIterator[Chunk]:
        """Yield the job's chunks, in the order in which to do them; all are stored durably before the first is done.

        :raises JobImpossibleError: the job cannot be done now.
        """

    async def run(self, chunk: Chunk) -> ChunkResult:
        """Do a chunk; doing it again is harmless. What it raises lets the chunk be tried again, a few times.

        :raises JobImpossibleError: the job cannot go on.
        """

    async def finish(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return the report, as JSON, when every chunk is done or has failed for good. The runner adds the findings."""


WorkFactory = Callable[[JobSpec, JobControl], Work]
#: Why a job of a kind cannot be started now, for the caller; empty where it can.
Objection = Callable[[JobSpec], str]
