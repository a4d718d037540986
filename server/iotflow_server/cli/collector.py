"""How often Python looks for garbage."""

from __future__ import annotations

import gc
from typing import Final

#: A server holds many thousands of objects for messages under way, nearly all of which go by their reference counts.
#: To look at them after every 700 new ones, as Python does by default, takes a sixth of its time.
#: Small messages of streams leave nine objects each until they are stored, and nothing after that; looked at after each
#: 25,000 they cost a twentieth more. But each look keeps all calls waiting, after 50,000 for 13 ms and more.
_THRESHOLDS: Final = (50_000, 20, 100)


def look_for_garbage_less_often() -> None:
    """Leave out what was imported, which stays, and look at the rest after many more new objects than by default."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
