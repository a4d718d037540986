"""A stream whose caller does not read what it is sent."""

from __future__ import annotations


class UnreadError(Exception):
    """The caller has taken no answer for ``seconds``, the limit."""

    def __init__(self, seconds: float | None) -> None:
        limit = f"for {seconds:g} s (IOTFLOW_UNREAD_ACKNOWLEDGEMENT_SECONDS)"
        super().__init__(
            f"no acknowledgement was read {limit}; read them while you write, and send again what has none"
        )
