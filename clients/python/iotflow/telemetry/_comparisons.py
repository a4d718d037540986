"""What verifications and shadow reads found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iotflow.telemetry._enums import Store, word_of
from iotflow.telemetry._times import moment_of
from iotflow.telemetry.v1 import migration_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """``found`` has totals, totals by device, and the first differences with what either store had. ``page`` is the
    same as an HTML page that needs nothing else."""

    found: Mapping[str, Any]
    page: str


@dataclass(frozen=True, slots=True)
class ShadowMismatch:
    """A read that both stores answered differently: what it asked, and where the answers first differ.

    ``method`` is "page", "stream", "latest" or "aggregate"; ``read_from`` the store that the caller was answered from.
    """

    id: int
    found_at: datetime
    method: str
    question: Mapping[str, Any]
    read_from: Store
    detail: str


@dataclass(frozen=True, slots=True)
class ShadowMismatchPage:
    """Mismatches, newest first, and the token of the next page, empty where this is the last."""

    mismatches: tuple[ShadowMismatch, ...]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class ShadowReplay:
    """Whether both stores answer alike now, and where not, what differs."""

    alike: bool
    detail: str


def decode_report(response: pb.GetVerificationReportResponse) -> VerificationReport:
    """A report."""
    return VerificationReport(json.loads(response.json), response.html)


def decode_mismatches(response: pb.ListShadowMismatchesResponse) -> ShadowMismatchPage:
    """A page of mismatches."""
    return ShadowMismatchPage(tuple(map(_mismatch, response.mismatches)), response.next_page_token)


def decode_replay(response: pb.ReplayShadowMismatchResponse) -> ShadowReplay:
    """What both stores answer now."""
    return ShadowReplay(response.alike, response.detail)


def _mismatch(message: pb.ShadowMismatch) -> ShadowMismatch:
    return ShadowMismatch(
        message.id,
        moment_of(message.found_at),
        message.method,
        json.loads(message.question),
        word_of(Store, message.read_from),
        message.detail,
    )
