"""The chart's values.schema.json: closed, with defaults and descriptions, made of the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from shotgun_chart.config_schema import config_schema
from shotgun_chart.credentials import Credentials
from shotgun_chart.generator import REFERENCE, Readable, nullable, tidied
from shotgun_chart.parts import LAID_OVER, Affinity, Image, Part, Resources, RollingUpdate
from shotgun_chart.values import AuthenticationReference, Values
from shotgun_chart.workloads import Team, Worker, Workload

_DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest that helm 3 knows
_MODELS: tuple[type[BaseModel], ...] = (
    Affinity,
    AuthenticationReference,
    Credentials,
    Image,
    Resources,
    RollingUpdate,
    Team,
    Worker,
)
_LIES_ON_NOTHING = {"Image"}
"""A workload's image: what it does not say is that of `image`, so that null in it means just that."""


def schema_text() -> str:
    """The content of values.schema.json."""
    return json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n"


def values_schema() -> JsonSchemaValue:
    """The schema of all values."""
    whole = _schema_of(Values)
    definitions = whole.pop("$defs")
    layers = {"Config": config_schema(), **{model.__name__: _schema_of(model) for model in _MODELS}}
    for name in sorted(_layers_in([whole, definitions])):
        definitions |= _layer(name, layers)
    whole, definitions = tidied(_resolved(whole)), tidied(_resolved(definitions))
    used = {name: definitions[name] for name in sorted(_used(whole, definitions))}
    return {"$schema": _DRAFT, **whole, "definitions": used}


def _schema_of(model: type[BaseModel]) -> JsonSchemaValue:
    return model.model_json_schema(by_alias=True, schema_generator=_Values, ref_template=REFERENCE)


class _Values(Readable):
    """What templates rely on is there: helm takes a part or a value away that somebody sets to null."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """With what templates rely on."""
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        if not issubclass(model, Workload):
            needed = [field.alias or name for name, field in model.model_fields.items() if _is_needed(field)]
            if needed:
                found["required"] = [*found.get("required", []), *needed]
        return found


def _is_needed(field: FieldInfo) -> bool:
    """Whether templates rely on a value: on a whole part, and on a word or number that stands for something."""
    if isinstance(field.annotation, type) and issubclass(field.annotation, Part):
        return True
    is_optional = type(None) in get_args(field.annotation)
    is_word_or_number = isinstance(field.default, str | int) and not isinstance(field.default, bool)
    return is_word_or_number and bool(field.default) and not is_optional


def _layers_in(schema: Any) -> set[str]:
    """The names of all models that something is laid over, also of those that stand in others."""
    models = {model.__name__: model for model in _MODELS}
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        new = {part[LAID_OVER] for part in _parts(waiting.pop()) if LAID_OVER in part} - found
        found |= new
        waiting += [_schema_of(models[name]) for name in new & models.keys()]
    return found


def _used(schema: Any, definitions: dict[str, Any]) -> set[str]:
    """The names of the definitions that a schema refers to, directly or through others."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        references = {part["$ref"] for part in _parts(waiting.pop()) if isinstance(part.get("$ref"), str)}
        new = {reference.rpartition("/")[2] for reference in references} - found
        found |= new
        waiting += [definitions[name] for name in new]
    return found


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a schema, itself among them."""
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


def _layer(name: str, layers: dict[str, JsonSchemaValue]) -> dict[str, JsonSchemaValue]:
    """A model and what stands in it, as it may be laid over another one: nothing is required, null takes away."""
    schema = dict(layers[name])
    inner = schema.pop("$defs", {})
    keeps_defaults = name == "Config"  # of the services: they hold wherever nobody says anything else
    models = {**inner, name: schema}
    loose = {_over(each): _loose(found, keeps_defaults) for each, found in models.items()}
    for each in models.keys() - _LIES_ON_NOTHING:
        _keep_needed(loose[_over(each)], models[each])
    return {**inner, **loose}


def _keep_needed(loose: JsonSchemaValue, model: JsonSchemaValue) -> None:
    """What is needed may be left out where it stands below, but null would take it away there."""
    for name in model.get("required", []):
        found = model["properties"][name]
        if "$ref" not in found:
            loose["properties"][name] = {key: value for key, value in found.items() if key != "default"}


def _over(name: str) -> str:
    return f"{name}LaidOver"


def _loose(schema: Any, keeps_defaults: bool) -> Any:
    if not isinstance(schema, dict):
        return schema
    whole: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            whole[key] = {name: _loose(part, keeps_defaults) for name, part in value.items()}
        elif key == "$ref":
            whole[key] = REFERENCE.format(model=_over(value.rpartition("/")[2]))
        elif key == "additionalProperties":
            whole[key] = _loose(value, keeps_defaults)
        else:
            whole[key] = value  # lists are replaced, so that what stands in them is whole
    whole.pop("required", None)
    if not keeps_defaults:
        whole.pop("default", None)
    return nullable(whole)


def _resolved(schema: Any) -> Any:
    """With references in the place of what is laid over."""
    if isinstance(schema, list):
        return [_resolved(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {key: _resolved(value) for key, value in schema.items() if key != LAID_OVER}
    if LAID_OVER in schema:
        whole = {"$ref": REFERENCE.format(model=_over(schema[LAID_OVER])), **whole}
    return whole
