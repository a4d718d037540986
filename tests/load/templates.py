"""The templates of ghz in call data: ``{{.RequestNumber}}``, ``{{randomInt 1 10}}``, ``{{printf `%02d` (mod .X 60)}}``.

These are Go's, of which the fields of a call and a few functions are understood; all else is refused by name.
"""

from __future__ import annotations

import inspect
import random
import re
import string
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

#: Fields of a call, by name.
Context = Mapping[str, str | int | bool]
Expression = Callable[[Context], Any]
Tokens = Iterator[re.Match[str]]

FIELDS: Final = (
    "WorkerID",
    "RequestNumber",
    "FullyQualifiedName",
    "MethodName",
    "ServiceName",
    "InputName",
    "OutputName",
    "IsClientStreaming",
    "IsServerStreaming",
    "Timestamp",
    "TimestampUnix",
    "TimestampUnixMilli",
    "TimestampUnixNano",
    "UUID",
)
_ACTION: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_TOKEN: Final = re.compile(
    r"\s*(?:\.(?P<field>\w+)|(?P<function>[A-Za-z]\w*)|(?P<integer>-?\d+)|(?P<text>`[^`]*`)|(?P<open>\()|(?P<close>\)))\s*"
)
_LETTERS: Final = string.ascii_letters + string.digits


class TemplateError(ValueError):
    """A template cannot be understood; the message names the part at fault."""


def _random_int(least: int, end: int) -> int:
    least, end = max(least, 0), end if end > 0 else 1
    return random.randrange(least, end)


def _random_string(length: int) -> str:
    return "".join(random.choices(_LETTERS, k=length if length > 0 else random.randint(2, 16)))


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "newUUID": lambda: str(uuid.uuid4()),
    "randomInt": _random_int,
    "randomString": _random_string,
    "add": lambda *numbers: sum(numbers),
    "mod": lambda number, divisor: number % divisor,
    "printf": lambda form, *values: form % values,
    "substr": lambda begin, end, text: text[begin:end],
}


class Template:
    """A text with actions in it."""

    def __init__(self, text: str) -> None:
        """:raises TemplateError: an action cannot be understood."""
        pieces = _ACTION.split(text)
        self._texts, self._actions = pieces[::2], [_compile(action) for action in pieces[1::2]]

    @property
    def is_static(self) -> bool:
        """Whether it renders the same for every call."""
        return not self._actions

    def render(self, context: Context) -> str:
        """Return the text for one call."""
        values = [_shown(action(context)) for action in self._actions]
        return "".join(piece for pair in zip(self._texts, [*values, ""], strict=True) for piece in pair)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compile(action: str) -> Expression:
    return _expression(_tokens(action), action, nested=False)


def _tokens(action: str) -> Tokens:
    at = 0
    while at < len(action):
        token = _TOKEN.match(action, at)
        if token is None:
            raise TemplateError(f"{{{{{action}}}}}: cannot understand {action[at:].strip()!r}")
        yield token
        at = token.end()


def _expression(tokens: Tokens, action: str, *, nested: bool) -> Expression:
    operands: list[Expression] = []
    function: str | None = None
    closed = False
    for token in tokens:
        if token["close"]:
            closed = True
            break
        if token["function"] and not operands and function is None:
            function = token["function"]
        else:
            operands.append(_operand(token, tokens, action))
    if closed != nested:
        raise TemplateError(f"{{{{{action}}}}}: the parentheses do not match")
    return _value(operands, action) if function is None else _call(function, operands, action)


def _operand(token: re.Match[str], tokens: Tokens, action: str) -> Expression:
    if token["open"]:
        return _expression(tokens, action, nested=True)
    if token["function"]:
        raise TemplateError(f"{{{{{action}}}}}: put {token['function']} and its arguments in parentheses")
    if token["field"]:
        return _field(token["field"], action)
    constant = int(token["integer"]) if token["integer"] else token["text"][1:-1]
    return lambda context: constant


def _field(name: str, action: str) -> Expression:
    if name not in FIELDS:
        raise TemplateError(f"{{{{{action}}}}}: a call has no field {name}; it has {', '.join(FIELDS)}")
    return lambda context: context[name]


def _value(operands: list[Expression], action: str) -> Expression:
    if len(operands) != 1:
        raise TemplateError(f"{{{{{action}}}}}: one field, constant or function is expected")
    return operands[0]


def _call(name: str, operands: list[Expression], action: str) -> Expression:
    function = FUNCTIONS.get(name)
    if function is None:
        raise TemplateError(f"{{{{{action}}}}}: the function {name} is not supported; {', '.join(FUNCTIONS)} are")
    try:
        inspect.signature(function).bind(*operands)
    except TypeError as error:
        raise TemplateError(f"{{{{{action}}}}}: {name}: {error}") from None
    return lambda context: function(*(operand(context) for operand in operands))
