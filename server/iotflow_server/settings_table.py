"""Writes the settings as the page docs/settings.md: ``python -m iotflow_server.settings_table``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from iotflow_server.config import IotdbSettings, Settings

_PREAMBLE = """\
# Settings

Every setting is an environment variable. A value that does not fit stops the server at its start,
with a line that names the variable. `make settings-table` writes this page from the code.
"""
_HEADER = "| name | default | meaning |\n|---|---|---|"


def settings_page() -> str:
    """Return docs/settings.md, in Markdown."""
    service = "\n".join(_rows(Settings))
    iotdb = "\n".join(_rows(IotdbSettings))
    return f"{_PREAMBLE}\n## Service\n\n{_HEADER}\n{service}\n\n## Apache IoTDB\n\n{_HEADER}\n{iotdb}\n"


def _rows(model: type[BaseSettings]) -> Iterator[str]:
    prefix = model.model_config["env_prefix"]
    for name, field in model.model_fields.items():
        if field.default_factory is None:
            yield f"| `{(prefix + name).upper()}` | {_default(name, field)} | {field.description} |"


def _default(name: str, field: FieldInfo) -> str:
    value = field.default
    if value is None or value == "":
        return "unset" if value is None else "empty"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if name.endswith("_bytes"):
        return f"`{value}` ({_size(value)})"
    return f"`{value}`"


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


if __name__ == "__main__":
    sys.stdout.write(settings_page())
