"""Texts in one run of bytes are the texts."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from iotflow_server.stores.batch import Rows
from iotflow_server.stores.postgres.texts import Texts


@given(st.lists(st.text(max_size=20), min_size=1, max_size=50))
@example(["", ""])
@example(["a\0b", "", "\0"])
@example(["short", "long" * 50_000, "lang" * 50_000])
def test_texts_of_each_length_are_taken_out_together(written: list[str]) -> None:
    texts = Texts.of(written)
    found = {int(place): text for places in texts.by_length() for place, text in _taken(texts, places)}
    assert [found[place] for place in range(len(written))] == [text.encode() for text in written]


def _taken(texts: Texts, places: Rows) -> list[tuple[int, bytes]]:
    if not texts.lengths[places[0]]:
        return [(place, b"") for place in places]
    return [(place, taken.tobytes()) for place, taken in zip(places, texts.alike(places), strict=True)]
