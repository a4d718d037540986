"""What a worker and its parent say to each other: one word a line, over the worker's stdin and stdout.

The pipes stay open as long as both live. A worker whose stdin ends without a word has lost its parent.
"""

from __future__ import annotations

import enum


class Order(enum.StrEnum):
    """What a parent says."""

    SERVE = "serve"
    DRAIN = "drain"


class Report(enum.StrEnum):
    """What a worker says."""

    READY = "ready"
    SERVING = "serving"
    #: The reason follows in the same line.
    FAILED = "failed"
