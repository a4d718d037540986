"""Has the service compare both stores, and waits for the end."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import grpc

from iotflow.telemetry.v1 import job_pb2
from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceStub
from tests.bench.run import Run, cpu_seconds

_LOOK_SECONDS: Final = 0.02
_ENDED: Final = (job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)


class VerificationLoad:
    """A verification of everything with so many workers, which has to find ``points`` that are alike."""

    def __init__(self, address: str, points: int, workers: int) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub: Any = MigrationServiceStub(self._channel)
        self._points = points
        self._workers = workers

    def prepare(self, begin: int) -> None:
        """There is nothing to prepare."""

    def run(self) -> Run:
        """Compare all; the time begins with the call and ends when the job has succeeded, its plan included."""
        cpu, start = cpu_seconds(), time.perf_counter()
        request = pb.StartVerificationRequest(pace=job_pb2.JobPace(workers=self._workers))
        job = self._stub.StartVerification(request, timeout=30).job
        while job.state not in _ENDED:
            time.sleep(_LOOK_SECONDS)
            job = self._stub.GetJob(pb.GetJobRequest(job_id=job.id), timeout=30).job
        seconds = time.perf_counter() - start
        report = json.loads(job.report or "{}")
        if (report.get("points"), report.get("differing")) != (self._points, 0):
            raise ValueError(f"{self._points} points are alike, but the job found {job}")
        return Run(self._points, seconds, cpu_seconds() - cpu)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()
