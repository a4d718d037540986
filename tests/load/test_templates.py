"""Templates render as Go's do, and what is not supported is named."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from tests.load.templates import Template, TemplateError

CALL: dict[str, Any] = {
    "RequestNumber": 123,
    "WorkerID": "g1c0",
    "IsClientStreaming": True,
    "Timestamp": "2026-01-01T10:00:00Z",
}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("plain", "plain"),
        ("{{.RequestNumber}}", "123"),
        ("a{{ .WorkerID }}b{{.RequestNumber}}c", "ag1c0b123c"),
        ("{{.IsClientStreaming}}", "true"),
        ("{{printf `%06d` .RequestNumber}}", "000123"),
        ("{{printf `%02d-%s` (mod .RequestNumber 10) .WorkerID}}", "03-g1c0"),
        ("{{add 1 (mod .RequestNumber 100)}}", "24"),
        ("{{substr 0 10 .Timestamp}}", "2026-01-01"),
        ("{{`text`}}{{7}}", "text7"),
        ("{ {.RequestNumber} }", "{ {.RequestNumber} }"),
    ],
)
def test_a_template_renders(text: str, rendered: str) -> None:
    assert Template(text).render(CALL) == rendered


def test_random_functions_stay_within_their_bounds() -> None:
    numbers = {int(Template("{{randomInt 5 8}}").render(CALL)) for _ in range(200)}
    assert numbers == {5, 6, 7}
    assert re.fullmatch(r"[A-Za-z0-9]{8}", Template("{{randomString 8}}").render(CALL))
    assert 2 <= len(Template("{{randomString 0}}").render(CALL)) <= 16
    assert uuid.UUID(Template("{{newUUID}}").render(CALL)).version == 4


def test_a_function_is_called_anew_for_each_call() -> None:
    template = Template("{{newUUID}}")
    assert template.render(CALL) != template.render(CALL)


@pytest.mark.parametrize(("text", "static"), [("{}", True), ("{{7}}", False)])
def test_a_text_without_actions_is_static(text: str, static: bool) -> None:
    assert Template(text).is_static is static


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{upper .WorkerID}}", "the function upper is not supported; newUUID, randomInt"),
        ("{{.Number}}", "a call has no field Number; it has WorkerID, RequestNumber"),
        ("{{randomInt 5}}", "randomInt: missing a required argument"),
        ("{{newUUID 5}}", "newUUID: too many positional arguments"),
        ("{{.WorkerID | upper}}", "cannot understand '| upper'"),
        ("{{- .WorkerID}}", "cannot understand '- .WorkerID'"),
        ("{{add 1 mod 5 3}}", "put mod and its arguments in parentheses"),
        ("{{add (mod 5 3}}", "the parentheses do not match"),
        ("{{add 5 3)}}", "the parentheses do not match"),
        ("{{.WorkerID .UUID}}", "one field, constant or function is expected"),
        ("{{}}", "one field, constant or function is expected"),
    ],
)
def test_what_is_not_understood_is_named(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as error:
        Template(text)
    assert said in str(error.value)
    assert text in str(error.value)
