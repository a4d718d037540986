"""Tables that cut nothing off, however narrow the terminal is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

#: As wide as a table may wish to be.
_ANY_WIDTH = 1_000


def listing(*names: str, whole: Sequence[str] = ()) -> Table:
    """A table of these columns; what is too long for its cell goes on in the next line.

    ``whole``: columns that stay in one line.
    """
    table = Table()
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in whole)
    return table


class Turning:
    """Few things with much to tell of each: a row for each, or a column where rows are too long for the terminal."""

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
        """The first cell of each row is its heading."""
        self._names, self._rows = names, rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        table = _filled(self._names, self._rows)
        wished = Measurement.get(console, options.update(max_width=_ANY_WIDTH), table).maximum
        turned = list(zip(self._names, *self._rows, strict=True))
        yield table if wished <= options.max_width else _filled(list(map(str, turned[0])), turned[1:])


def _filled(names: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    table = listing(*names)
    for row in rows:
        table.add_row(*row)
    return table
