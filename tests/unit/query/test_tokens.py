"""Page tokens carry a key, and fit one query only."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotflow_server.query.errors import InvalidTokenError, QueryError
from iotflow_server.query.timestamp_limit import TimestampLimit
from iotflow_server.query.tokens import Place, decode_token, encode_token, query_digest
from iotflow_server.stores.selection import MAX_TIMESTAMP, MIN_TIMESTAMP, PointKey, Scope, Selection, TimeRange

QUERY = Selection((1, 2), ("humidity", "temperature"), TimeRange(0, 10_000))
DIGEST = query_digest(QUERY, descending=False)
KEY = Place(PointKey(5_000, 2, "temperature"))

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=100)
moments = st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP - 1)
keys = st.builds(PointKey, moments, st.integers(1, 2**31 - 1), names)
limits = st.none() | st.builds(TimestampLimit, st.integers(0, 2**31 - 1), st.none() | moments)


@given(st.builds(Place, keys, limits))
def test_a_token_gives_back_its_place_and_needs_no_escaping_in_a_url(place: Place) -> None:
    token = encode_token(DIGEST, place)
    assert decode_token(DIGEST, token) == place
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "other",
    [
        replace(QUERY, device_ids=(1, 3)),
        replace(QUERY, device_ids=(1, 2, 3)),
        replace(QUERY, measurements=None),
        replace(QUERY, measurements=()),
        replace(QUERY, measurements=("humidity, temperature",)),
        replace(QUERY, time_range=TimeRange(0, 10_001)),
        replace(QUERY, time_range=TimeRange(1, 10_000)),
    ],
)
def test_a_token_of_another_filter_is_refused(other: Selection) -> None:
    with pytest.raises(InvalidTokenError, match="does not belong to this query"):
        decode_token(query_digest(other, descending=False), encode_token(DIGEST, KEY))


def test_a_token_of_the_other_order_is_refused() -> None:
    with pytest.raises(InvalidTokenError):
        decode_token(query_digest(QUERY, descending=True), encode_token(DIGEST, KEY))


def test_a_token_of_another_quality_or_limit_is_refused() -> None:
    options: list[dict[str, Any]] = [
        {"quality": frozenset({1})},
        {"quality": frozenset({1, 2})},
        {"max_timestamps": 1},
        {"max_timestamps": 2},
        {},
    ]
    for one, other in itertools.permutations(options, 2):
        with pytest.raises(InvalidTokenError):
            decode_token(
                query_digest(QUERY, descending=False, **one),
                encode_token(query_digest(QUERY, descending=False, **other), KEY),
            )


def test_the_order_in_which_devices_and_measurements_are_named_does_not_matter() -> None:
    same = replace(QUERY, device_ids=(2, 1, 2), measurements=("temperature", "humidity"), scope=Scope.BOTH)
    assert decode_token(query_digest(same, descending=False), encode_token(DIGEST, KEY)) == KEY


def test_a_token_of_a_users_devices_stays_good_when_there_are_more() -> None:
    token = encode_token(query_digest(QUERY, descending=False, user_id=7), KEY)
    more = replace(QUERY, device_ids=(1, 2, 3))
    assert decode_token(query_digest(more, descending=False, user_id=7), token) == KEY
    for digest in (query_digest(more, descending=False, user_id=8), query_digest(QUERY, descending=False)):
        with pytest.raises(InvalidTokenError):
            decode_token(digest, token)


@given(st.data())
def test_a_token_with_any_one_character_changed_is_refused(data: st.DataObject) -> None:
    token = encode_token(DIGEST, KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters().filter(lambda drawn: drawn != token[place]))
    with pytest.raises(InvalidTokenError):
        decode_token(DIGEST, token[:place] + character + token[place + 1 :])


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        decode_token(DIGEST, text)


def test_a_forged_key_that_no_store_can_hold_is_refused() -> None:
    for key in (PointKey(MAX_TIMESTAMP, 1, "a"), PointKey(0, 1, "a\0b")):
        with pytest.raises(InvalidTokenError):
            decode_token(DIGEST, encode_token(DIGEST, Place(key)))


def test_the_error_is_one_of_the_querys() -> None:
    assert issubclass(InvalidTokenError, QueryError)
    assert issubclass(InvalidTokenError, ValueError)
