"""Runs ``iotflow`` in a real terminal, where people read its questions and type their answers."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.client.iotflow_command import COMMAND

_SIZE = struct.pack("HHHH", 60, 200, 0, 0)
_SECONDS = 60.0
CTRL_C = "\x03"
#: Before it is pressed again. A command that has heard it takes a while to end, and is not to be asked twice.
_AGAIN_SECONDS = 10


@dataclass(frozen=True)
class Shown:
    """All that the terminal showed, and the command's exit code."""

    text: str
    code: int


async def converse(address: str, *arguments: object, typed: Sequence[tuple[str, str]] = ()) -> Shown:
    """Run a command to its end. ``typed``: words that are waited for, and what is typed then."""
    return await asyncio.to_thread(_converse, address, list(map(str, arguments)), typed)


def _converse(address: str, arguments: list[str], typed: Sequence[tuple[str, str]]) -> Shown:
    with _terminal() as (ours, theirs):
        environment = {**os.environ, "IOTFLOW_ADDRESS": address, "TERM": "xterm", "COLUMNS": "200", "LINES": "60"}
        process = subprocess.Popen(
            [str(COMMAND), *arguments],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_as_in_front_of_somebody,
        )
        os.close(theirs)
        try:
            text = _talk(ours, typed)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return Shown(text, process.wait(_SECONDS))


def _as_in_front_of_somebody() -> None:
    """The terminal is the command's, and Ctrl-C is heard, even where tests run in the background, which ignores it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _talk(ours: int, typed: Sequence[tuple[str, str]]) -> str:
    text, begin, last = "", 0, ""
    waiting, quiet = list(typed), 0
    for chunk in _chunks(ours):
        assert chunk is not None, f"the command does not end; it showed {text!r}"
        quiet = 0 if chunk else quiet + 1
        if quiet and not quiet % _AGAIN_SECONDS and last == CTRL_C:
            # One that comes in the moment before input() waits is not heard; people press it again.
            os.write(ours, last.encode())
        text += chunk
        while waiting and (place := text.find(waiting[0][0], begin)) >= 0:
            words, last = waiting.pop(0)
            begin = place + len(words)
            os.write(ours, last.encode())
    assert not waiting, f"never shown: {waiting[0][0]!r} in {text!r}"
    assert "Traceback" not in text
    return text


def _chunks(ours: int) -> Iterator[str | None]:
    """What it shows, up to its end; nothing after a second without a word, None where the end does not come."""
    deadline = time.monotonic() + _SECONDS
    # A terminal whose other end is closed is not read from any more.
    with suppress(OSError):
        while time.monotonic() < deadline:
            shows = select.select([ours], [], [], 1.0)[0]
            yield os.read(ours, 65_536).decode(errors="replace") if shows else ""
        yield None


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, _SIZE)
    try:
        yield ours, theirs
    finally:
        os.close(ours)
