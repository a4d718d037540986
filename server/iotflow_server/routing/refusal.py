"""Why points cannot be stored: named to the client, point by point, while the rest is stored."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from iotflow_server.stores.batch import Kind, Rows


class RefusalReason(enum.IntEnum):
    """The numbers are those of RejectionReason in the protos."""

    DEVICE_ID = 1
    UNKNOWN_DEVICE = 2
    NAME = 3
    TIMESTAMP = 4
    VALUE = 5
    TYPE = 6
    SHAPE = 7


@dataclass(frozen=True, slots=True, eq=False)
class Refusal:
    """Points of one batch that are not stored.

    ``batch`` is the index of the batch in the call. ``column`` and ``kind`` name the column, None the whole
    batch. ``rows`` are indices into the batch's timestamps, None all rows of the column or batch.
    """

    batch: int
    reason: RefusalReason
    message: str
    column: str | None = None
    kind: Kind | None = None
    rows: Rows | None = None
