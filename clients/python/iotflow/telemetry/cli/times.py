"""Moments and lengths of time as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_LENGTH: Final = re.compile(rf"(?:{_PART.pattern})+")


def length(text: str, option: str) -> timedelta:
    """A length of time: "90s", "1h30m", "7d".

    :raises typer.BadParameter: it is none; the option is named.
    """
    try:
        return _length(text)
    except OverflowError:
        raise _wrong(option, f"{text!r} is too long") from None
    except ValueError:
        hint = "write it as 500ms, 90s, 15m, 1h30m, 7d or 2w"
        raise _wrong(option, f"{text!r} is no length of time: {hint}") from None


def moment(text: str, option: str) -> datetime:
    """A moment: ISO 8601, in UTC where it names no offset; "now"; or so long ago: "-1h".

    :raises typer.BadParameter: it is none; the option is named.
    """
    try:
        if text == "now" or text.startswith("-"):
            return datetime.now(UTC) - (_length(text[1:]) if text != "now" else timedelta())
        parsed = datetime.fromisoformat(text)
        return parsed if parsed.utcoffset() is not None else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        hint = "write it as 2026-01-31, 2026-01-31T08:00:00Z, or relative to now as -1h"
        raise _wrong(option, f"{text!r} is no moment: {hint}") from None


def check_order(start: datetime | None, end: datetime | None) -> None:
    """Return if a range does not end before it starts.

    :raises typer.BadParameter: it does.
    """
    if start is not None and end is not None and start > end:
        raise typer.BadParameter("--from must not be after --to")


def _wrong(option: str, why: str) -> typer.BadParameter:
    """The error that names an option and what is wrong with it."""
    return typer.BadParameter(why, param_hint=f"'{option}'")


def _length(text: str) -> timedelta:
    if not _LENGTH.fullmatch(text):
        raise ValueError(text)
    return sum((float(number) * _UNITS[unit] for number, unit in _PART.findall(text)), timedelta())
