"""For programs that start servers of their own, and are to leave none behind."""

from __future__ import annotations

import signal


def end_as_by_ctrl_c() -> None:
    """Let SIGTERM and a closed terminal interrupt this program as Ctrl-C does, so that it tidies up."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
