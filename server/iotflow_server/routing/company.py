"""Who else writes to the stores."""

from __future__ import annotations

import enum


class Company(enum.Enum):
    """The other instances, as far as an instance knows of them, and they of it."""

    NOBODY = enum.auto()
    #: They know that there are several, and note what may have crossed with writes of others.
    OTHERS = enum.auto()
    #: Some may still believe to be alone, and note nothing.
    STRANGERS = enum.auto()
