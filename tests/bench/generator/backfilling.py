"""Has the service carry a history, and waits for the end."""

from __future__ import annotations

import time
from typing import Any, Final

import grpc

from iotflow.telemetry.v1 import job_pb2
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceStub
from tests.bench.run import Run, cpu_seconds

_LOOK_SECONDS: Final = 0.02
_ENDED: Final = (job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)


class BackfillLoad:
    """A backfill of everything with so many workers, which has to carry ``points``."""

    def __init__(self, address: str, points: int, workers: int) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub: Any = MigrationServiceStub(self._channel)
        self._points = points
        self._workers = workers

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Carry all; the time begins with the call and ends when the job has succeeded, its plan included."""
        cpu, start = cpu_seconds(), time.perf_counter()
        request = pb.StartBackfillRequest(pace=job_pb2.JobPace(workers=self._workers))
        job = self._stub.StartBackfill(request, timeout=30).job
        while job.state not in _ENDED:
            time.sleep(_LOOK_SECONDS)
            job = self._stub.GetJob(pb.GetJobRequest(job_id=job.id), timeout=30).job
        if job.state != job_pb2.JOB_STATE_SUCCEEDED or job.progress.points_done != self._points:
            raise ValueError(f"{job.progress.points_done} points of {self._points} were carried: {job}")
        return Run(self._points, time.perf_counter() - start, cpu_seconds() - cpu)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
