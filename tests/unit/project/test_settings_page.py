"""docs/settings.md is what the code says."""

from __future__ import annotations

import pytest
from pydantic_settings import BaseSettings

from iotflow_server.config import IotdbSettings, Settings
from iotflow_server.settings_table import settings_page
from tests.unit.project.tree import ROOT


def test_the_settings_page_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "run `make settings-table`"


@pytest.mark.parametrize("model", [Settings, IotdbSettings])
def test_every_setting_says_what_it_means(model: type[BaseSettings]) -> None:
    undocumented = [
        name for name, field in model.model_fields.items() if field.default_factory is None and not field.description
    ]
    assert undocumented == []
