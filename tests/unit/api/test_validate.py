from __future__ import annotations

import pytest

from iotflow_server.api.validate import MAX_JSON_DEPTH, json_fault, key_fault, name_fault, text_fault


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2.5e3, -0.0, true, null, "x"]}',
        "123456789012345678901234567890",
        '"\\\\u0000"',
        '"\\ud83d\\ude00"',
        " \n[] ",
        "[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH,
        '"' + "[" * (MAX_JSON_DEPTH + 1) + '\\"{"',
        "1e4000",
    ],
)
def test_json_is_taken(text: str) -> None:
    assert json_fault(text, 1000) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        "[NaN]",
        "-Infinity",
        '"\\u0000"',
        '"\\\\\\u0000"',
        '{"\\ud800": 1}',
        '["\\udc00x"]',
        "[" * (MAX_JSON_DEPTH + 1) + "]" * (MAX_JSON_DEPTH + 1),
        "1e4001",
        "1E-99999999999999999999",
        "9" * 4001,
        "\ufeff{}",
        "1 2",
    ],
)
def test_what_is_not_json_or_cannot_be_kept_is_refused(text: str) -> None:
    assert json_fault(text, 10_000) is not None


def test_text_is_measured_in_bytes() -> None:
    assert text_fault("ä" * 5, 10) is None
    assert text_fault("ä" * 5 + "a", 10) == "the value is longer than 10 bytes in UTF-8"


def test_surrogates_are_refused() -> None:
    assert text_fault("\ud800", 10) is not None
    assert name_fault("a\udfff") is not None


def test_names_and_keys_have_their_lengths() -> None:
    assert name_fault("n" * 100) is None
    assert name_fault("n" * 101) is not None
    assert key_fault("n" * 95) is None
    assert key_fault("n" * 96) is not None
