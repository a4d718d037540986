"""How the parts of the demo tell what happens."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
