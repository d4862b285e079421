"""The page about the configuration names every key, with its type, default and meaning."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from shotgun_runtime.duration import format_duration
from shotgun_runtime.properties import REFUSED
from shotgun_runtime.settings import EmailSettings, PluginSettings, Section, Settings, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
SECTIONS = [
    *(field.annotation for field in Settings.model_fields.values() if field.default_factory),
    EmailSettings,
    PluginSettings,
]


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


def kind(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (choice for choice in get_args(annotation) if choice is not type(None))
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, BaseModel):
        return "section"
    names = {
        str: "text",
        int: "number",
        float: "duration",
        Path: "path",
        SecretStr: "secret",
        list: "list",
        bool: "true or false",
    }
    return {**names, dict: "mapping", Literal: "word"}.get(origin) or kind(get_args(annotation)[0])


def default(field: FieldInfo) -> str:
    value = field.get_default()
    if field.is_required():
        return "required"
    if isinstance(value, SecretStr) or value is None or value in ("", [], {}):
        return ""
    return f"`{format_duration(value) if isinstance(value, float) else value}`"


def rows(section: type[BaseModel]) -> list[str]:
    return [
        f"| `{key}` | {kind(field.annotation)} | {default(field)} | {field.description} |"
        for key, field in section.model_fields.items()
    ]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_stands_on_the_page(section: type[Section], page: str) -> None:
    missing = [row for row in rows(section) if row not in page]

    assert not missing, "these rows are missing in docs/configuration.md:\n" + "\n".join(missing)


def test_every_refused_property_stands_on_the_page_with_its_reason(page: str) -> None:
    missing = [row for name, reason in REFUSED.items() if (row := f"| `{name}` | {reason} |") not in page]

    assert not missing, "these rows are missing in docs/configuration.md:\n" + "\n".join(missing)


def test_the_example_of_the_page_is_a_valid_configuration(page: str, tmp_path: Path) -> None:
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    for name in ("shotgun-key", "kafka-password", "mail-password"):
        (tmp_path / name).write_text("secret")
    path = tmp_path / "stream.yaml"
    path.write_text(example.replace("/run/secrets", str(tmp_path)))

    settings = load_settings(path, {}, {})

    assert settings.shotgun.api_key.get_secret_value() == "secret"
    assert set(yaml.safe_load(example)) == set(Settings.model_fields)
