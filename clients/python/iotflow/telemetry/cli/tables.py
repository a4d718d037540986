"""Tables for people: what says nothing is left out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Columns that are left out where they hold nothing else.
_SILENT: Final = {"quality_flag": {"0"}, "metadata": {""}, "filled": {"false"}}
#: Kinds are seen from the values.
_UNSEEN: Final = "kind"
_MOMENTS: Final = ("timestamp", "window_start", "window_end")
#: A file has lines as long as they need to be.
_WIDE: Final = 1_000
_WHOLE_SECOND: Final = ".000000Z"


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]], *, is_wide: bool) -> str:
    """The text of a table; as wide as the terminal, or as its rows."""
    if not rows:
        return "no rows\n"
    kept = [index for index, name in enumerate(columns) if _says_something(name, {row[index] for row in rows})]
    table = Table()
    for index in kept:
        table.add_column(columns[index], no_wrap=columns[index] in _MOMENTS, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(columns[index], row[index])) for index in kept))
    return _drawn(table, is_wide=is_wide)


def _says_something(name: str, cells: set[str]) -> bool:
    return name != _UNSEEN and not cells <= _SILENT.get(name, set())


def _shown(name: str, cell: str) -> str:
    if name in _MOMENTS and cell.endswith(_WHOLE_SECOND):
        return cell.removesuffix(_WHOLE_SECOND) + "Z"
    return _visible(cell)


def _drawn(table: Table, *, is_wide: bool) -> str:
    console = Console(file=io.StringIO(), width=_WIDE if is_wide else None)
    with console.capture() as drawn:
        console.print(table)
    return drawn.get()


def _visible(text: str) -> str:
    """Text without what would steer the terminal."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
