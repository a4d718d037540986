"""What a read is known by whose caller may go away."""

from __future__ import annotations

import secrets
from typing import Final

MARK_LENGTH: Final = 64


class ReadCancelledError(Exception):
    """Nobody waits for this read any more."""


class Cancellation:
    """Belongs to one read. Its statements end in ``mark``: blanks and tabs that no other read has, of any process."""

    def __init__(self) -> None:
        number = secrets.randbits(MARK_LENGTH)
        self.mark = "".join("\t" if number >> bit & 1 else " " for bit in range(MARK_LENGTH))
        #: Set by the event loop, looked at by the thread that reads.
        self.is_wanted = False

    def check(self) -> None:
        """:raises ReadCancelledError: the caller has gone away."""
        if self.is_wanted:
            raise ReadCancelledError
