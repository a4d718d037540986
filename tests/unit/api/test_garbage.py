from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from iotflow_server.api.garbage import CallGarbage


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def python_does_not_look_by_itself() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_calls_leave_is_found_after_a_thousand() -> None:
    garbage, left = CallGarbage(), weakref.ref(Knot())
    for _ in range(999):
        garbage.call_ended()
    assert left() is not None
    garbage.call_ended()
    assert left() is None


def test_what_was_in_use_at_a_look_is_found_by_a_later_one() -> None:
    garbage, used = CallGarbage(), Knot()
    for _ in range(1_000):
        garbage.call_ended()
    left = weakref.ref(used)
    del used
    for _ in range(4_000):
        garbage.call_ended()
    assert left() is None
