"""Options that several commands share, as fields of a dataclass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

Command = Callable[..., None]


def grouped(command: Command) -> Command:
    """A command whose parameters that are dataclasses are made of options, one for each field.

    A field's annotation is that of an option, and its default the option's.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {
            name: kind(**{each.name: given.pop(each.name) for each in fields(kind)}) for name, kind in groups.items()
        }
        command(**made, **given)

    parameters = list(_parameters(command, hints, groups))
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    # Else the signature of what is wrapped would be looked at.
    del run.__wrapped__
    return run


def _parameters(command: Command, hints: dict[str, Any], groups: dict[str, Any]) -> Iterator[Parameter]:
    for name, parameter in signature(command).parameters.items():
        if name not in groups:
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=parameter.default, annotation=hints[name])
            continue
        of_fields = get_type_hints(groups[name], include_extras=True)
        for each in fields(groups[name]):
            yield Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default, annotation=of_fields[each.name])
