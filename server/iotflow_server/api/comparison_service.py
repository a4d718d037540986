"""The part of MigrationService that tells what verifications and shadow reads found."""

from __future__ import annotations

import json
from typing import Any

from iotflow.telemetry.v1 import migration_service_pb2 as pb
from iotflow.telemetry.v1.migration_service_pb2_grpc import MigrationServiceServicer
from iotflow_server.api import job_requests as asked
from iotflow_server.api.encode import store_message
from iotflow_server.api.ports import Comparisons
from iotflow_server.api.times import moment_message
from iotflow_server.shadow.mismatches import ShadowMismatch


class ComparisonCalls(MigrationServiceServicer):
    """Comparisons of both stores. What goes wrong is raised; the edge makes it a status."""

    _comparisons: Comparisons

    async def GetVerificationReport(
        self, request: pb.GetVerificationReportRequest, context: Any
    ) -> pb.GetVerificationReportResponse:
        """What a verification found."""
        text, page = await self._comparisons.reports.report(request.job_id)
        return pb.GetVerificationReportResponse(json=text, html=page)

    async def ListShadowMismatches(
        self, request: pb.ListShadowMismatchesRequest, context: Any
    ) -> pb.ListShadowMismatchesResponse:
        """List reads that both stores answered differently."""
        size, before = asked.page_size(request.page_size), asked.token_number(request.page_token)
        found = await self._comparisons.mismatches.listed(before, size + 1)
        token = str(found[size - 1].id) if len(found) > size else ""
        return pb.ListShadowMismatchesResponse(mismatches=map(_message, found[:size]), next_page_token=token)

    async def ReplayShadowMismatch(
        self, request: pb.ReplayShadowMismatchRequest, context: Any
    ) -> pb.ReplayShadowMismatchResponse:
        """Ask both stores again."""
        detail = await self._comparisons.shadow.replay(request.id)
        return pb.ReplayShadowMismatchResponse(alike=not detail, detail=detail)


def _message(one: ShadowMismatch) -> pb.ShadowMismatch:
    return pb.ShadowMismatch(
        id=one.id,
        found_at=moment_message(one.found_at),
        method=one.method,
        question=json.dumps(one.question, ensure_ascii=False),
        read_from=store_message(one.read_from),
        detail=one.detail,
    )
