"""The values are described in one place: schema, table and values.yaml say the same, and leave nothing out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from rendering import CHART

from shotgun_chart.__main__ import generated
from shotgun_chart.schema import values_schema
from shotgun_chart.values import Values
from shotgun_runtime.settings import Settings

SCHEMA = values_schema()


@pytest.mark.parametrize("name", [path.name for path in generated()])
def test_what_is_generated_is_of_today(name: str) -> None:
    (path,) = (path for path in generated() if path.name == name)

    assert path.read_text("utf-8") == generated()[path], (
        f"{path} is not what the models make; run: make chart"
    )


def test_values_yaml_has_the_defaults_of_the_models() -> None:
    written = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))

    described = Values().model_dump(by_alias=True, mode="json")

    assert list(_differences(described, written)) == [], (
        "deploy/shotgun_chart and values.yaml differ; correct one of them, then run: make chart"
    )


def _differences(described: Any, written: Any, path: str = "") -> Iterator[str]:
    if not isinstance(described, dict) or not isinstance(written, dict):
        if described != written:
            yield f"{path}: {described!r} in deploy/shotgun_chart, {written!r} in values.yaml"
        return
    for key in {**described, **written}:
        here = f"{path}.{key}" if path else key
        if key not in described:
            yield f"{here}: only in values.yaml"
        elif key not in written:
            yield f"{here}: only in deploy/shotgun_chart"
        else:
            yield from _differences(described[key], written[key], here)


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


def _objects(schema: Any, path: str = "values") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema that names properties, with the way to it."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema:
        yield path, schema
    for group in ("properties", "definitions"):
        for name, part in schema.get(group, {}).items():
            yield from _objects(part, name if group == "definitions" else f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        yield from _objects(schema.get(key), f"{path}[]")


def test_the_schema_is_closed_but_for_properties_of_librdkafka() -> None:
    opened = {path for path, found in _objects(SCHEMA) if found.get("additionalProperties") is not False}

    assert {path.rpartition(".")[2] for path in opened} == {
        "properties",
        "producer_properties",
        "consumer_properties",
    }


def test_every_value_says_what_it_is() -> None:
    silent = [
        f"{path}.{key}"
        for path, found in _objects(SCHEMA)
        for key, part in found["properties"].items()
        if not _description(part)
    ]

    assert silent == []


def _description(part: dict[str, Any]) -> str | None:
    inner = SCHEMA["definitions"].get(part.get("$ref", "").rpartition("/")[2], {})
    # A property of librdkafka that is refused says why instead.
    return part.get("description") or inner.get("description") or part.get("const")


def test_every_key_of_the_configuration_has_the_default_of_the_service() -> None:
    lacking = [
        f"{path}.{key}"
        for path, found in _objects(SCHEMA)
        for key, part in found["properties"].items()
        if path.endswith("SettingsLaidOver") and "default" not in part and "$ref" not in part
    ]

    # What mail needs has none: without it there is no mail.
    assert sorted(lacking) == [f"EmailSettingsLaidOver.{key}" for key in ("host", "recipients", "sender")]


def test_the_schema_has_every_key_of_the_configuration() -> None:
    def keys(schema: dict[str, Any]) -> Iterator[str]:
        for name, part in schema["properties"].items():
            reference = part.get("$ref") or next(
                (one["$ref"] for one in part.get("anyOf", []) if "$ref" in one), None
            )
            yield name
            if reference:
                inner = SCHEMA["definitions"][reference.rpartition("/")[2]]
                yield from (f"{name}.{key}" for key in keys(inner))

    found = set(keys(SCHEMA["definitions"]["ConfigLaidOver"]))

    sections = {
        name: field.default_factory
        for name, field in Settings.model_fields.items()
        if field.default_factory is not None
    }
    wanted = {f"{name}.{key}" for name, section in sections.items() for key in section.model_fields}  # type: ignore[union-attr]
    assert wanted <= found
