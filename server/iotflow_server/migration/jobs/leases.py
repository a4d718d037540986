"""Jobs as the instance that works on them sees them: every change holds only while it has the lease."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from iotflow_server.migration.jobs import job_sql as sql
from iotflow_server.migration.jobs.job import Job
from iotflow_server.migration.jobs.job_rows import (
    added,
    failures_json,
    failures_of,
    finding_columns,
    job_of,
    json_text,
)
from iotflow_server.migration.jobs.spec import JobKind, JobState
from iotflow_server.migration.jobs.work import Chunk, ChunkResult, Failure, Finding
from iotflow_server.stores.postgres.pool import Connection, PostgresPool, transaction

_READ_AHEAD: Final = 200


class LeaseLostError(Exception):
    """Another instance works on the job now, or it is not to be worked on any more."""


@dataclass(frozen=True, slots=True)
class NumberedChunk:
    """A stored chunk."""

    number: int
    chunk: Chunk


class Leases:
    """Takes jobs for one instance."""

    def __init__(self, pool: PostgresPool, instance: str, seconds: float) -> None:
        self._pool = pool
        self._instance = instance
        #: How long a lease lasts unless it is renewed.
        self.seconds = seconds

    async def claim(self, kinds: Collection[JobKind], besides: Collection[int]) -> tuple[Job, Lease] | None:
        """Take the oldest job that nobody works on, None where there is none."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql.CLAIM, self._instance, list(kinds), self.seconds, list(besides))
        return None if row is None else (job_of(row), Lease(self._pool, row["id"], self._instance, self.seconds))


class Lease:
    """One job, held by this instance. Methods raise LeaseLostError once it is not."""

    def __init__(self, pool: PostgresPool, job_id: int, instance: str, seconds: float) -> None:
        self._pool = pool
        self._job_id = job_id
        self._instance = instance
        self._seconds = seconds

    async def renew(self, points_per_second: float, waiting_for: str) -> Job:
        """Keep the lease, show how it goes, and return the job with what operators have changed."""
        values = (self._job_id, self._instance, self._seconds, points_per_second, waiting_for.replace("\0", ""))
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql.RENEW, *values)
        if row is None:
            raise LeaseLostError
        return job_of(row)

    async def release(self) -> None:
        """Give the job back, for any instance to take if it is to go on."""
        async with self._pool.connection() as connection:
            await connection.execute(sql.RELEASE, self._job_id, self._instance)

    async def is_planned(self) -> bool:
        """Whether all chunks are stored."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(sql.IS_PLANNED, self._job_id))

    async def begin_plan(self) -> None:
        """Forget what an unfinished plan has left."""
        async with self._held() as connection:
            await connection.execute(sql.FORGET_CHUNKS, self._job_id)

    async def add_chunks(self, first: int, chunks: Sequence[Chunk]) -> None:
        """Store chunks, numbered from ``first``."""
        payloads, points = [json_text(chunk.payload) for chunk in chunks], [chunk.points for chunk in chunks]
        async with self._held() as connection:
            await connection.execute(sql.ADD_CHUNKS, self._job_id, first, payloads, points)
            await connection.execute(sql.COUNT_PLAN, self._job_id)

    async def end_plan(self) -> None:
        """Say that all chunks are stored."""
        async with self._held() as connection:
            await connection.execute(sql.COUNT_PLAN, self._job_id)
            await connection.execute(sql.PLANNED, self._job_id)

    async def waiting_chunks(self) -> AsyncIterator[NumberedChunk]:
        """Yield what is left to do, in order."""
        last = -1
        while True:
            async with self._pool.connection() as connection:
                rows = await connection.fetch(sql.WAITING_CHUNKS, self._job_id, last, _READ_AHEAD)
            for number, payload, points in rows:
                yield NumberedChunk(number, Chunk(json.loads(payload), points))
                last = number
            if len(rows) < _READ_AHEAD:
                return

    async def chunk_done(self, number: int, result: ChunkResult) -> None:
        """Count a chunk that is done, with what was found."""
        async with self._held() as connection:
            await self._end_chunk(connection, number, "DONE", result.points, result.failures)
            await _add_findings(connection, self._job_id, result.findings, are_further=True)

    async def chunk_failed(self, number: int, failure: Failure) -> None:
        """Count a chunk that failed for good."""
        async with self._held() as connection:
            await self._end_chunk(connection, number, "FAILED", 0, (failure,))

    async def add_findings(self, findings: Iterable[Finding]) -> None:
        """Make findings durable."""
        async with self._held() as connection:
            await _add_findings(connection, self._job_id, findings, are_further=False)

    async def findings_by_code(self) -> list[dict[str, Any]]:
        """The findings in short, for the report: how many of each code, their points, and the first twenty."""
        async with self._pool.connection() as connection:
            return [dict(row) for row in await connection.fetch(sql.FINDINGS_BY_CODE, self._job_id)]

    async def end(self, state: JobState, report: Mapping[str, Any] | None, error: str) -> None:
        """End the job."""
        text = None if report is None else json_text(report)
        async with self._pool.connection() as connection:
            await connection.execute(sql.END_JOB, self._job_id, self._instance, state, error.replace("\0", ""), text)

    async def begin_again(self, report: Mapping[str, Any]) -> None:
        """Keep the report of a round, and be as at the beginning."""
        async with self._held() as connection:
            await connection.execute(sql.FORGET_CHUNKS, self._job_id)
            await connection.execute(sql.NEXT_ROUND, self._job_id, json_text(report))

    async def _end_chunk(
        self, connection: Connection, number: int, state: str, points: int, failures: Iterable[Failure]
    ) -> None:
        known = failures_of(await connection.fetchval(sql.FAILURES, self._job_id))
        counted = failures_json(added(known, failures))
        await connection.execute(sql.END_CHUNK, self._job_id, number, state)
        is_done = state == "DONE"
        await connection.execute(sql.COUNT_CHUNK, self._job_id, points, counted, int(is_done), int(not is_done))

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[Connection]:
        """A transaction during which nobody else can take the job."""
        async with self._pool.connection() as connection, transaction(connection):
            if await connection.fetchval(sql.HOLD, self._job_id, self._instance) is None:
                raise LeaseLostError
            yield connection


async def _add_findings(connection: Connection, job_id: int, findings: Iterable[Finding], *, are_further: bool) -> None:
    columns = finding_columns(findings)
    if columns[0]:
        await connection.execute(sql.ADD_FINDINGS, job_id, *columns, are_further)
