"""Why a write is not taken at all."""

from __future__ import annotations


class OverloadedError(Exception):
    """More is under way than the limit allows; come again after ``retry_after_seconds``."""

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(
            "the server holds as many unstored points as IOTFLOW_MAX_INFLIGHT_BYTES allows; send again later"
        )
        self.retry_after_seconds = retry_after_seconds


class DrainingError(Exception):
    """The server is shutting down and takes no new writes; another instance may."""

    def __init__(self) -> None:
        super().__init__("the server is shutting down; send again, to another instance if there is one")
