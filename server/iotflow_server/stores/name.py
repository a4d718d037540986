"""The names of the stores, a leaf that everybody may import."""

from __future__ import annotations

import enum


class StoreName(enum.StrEnum):
    """A store. The words are used in metrics, logs and settings."""

    IOTDB = "iotdb"
    POSTGRES = "postgres"
