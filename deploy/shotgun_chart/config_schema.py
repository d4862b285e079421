"""The JSON schema of the services' configuration, as it may stand in values: made of the services' own settings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from shotgun_chart.generator import REFERENCE, Readable
from shotgun_runtime import properties, settings_types
from shotgun_runtime.duration import format_duration, parse_duration
from shotgun_runtime.settings import Settings

_DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$|^[0-9]+(\.[0-9]+)?$"

_START = r"^(latest|earliest|[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+)?)$"


def config_schema() -> JsonSchemaValue:
    """The schema of `config`, before it is laid over: every section and key with its default and meaning."""
    schema = Settings.model_json_schema(schema_generator=_Config, ref_template=REFERENCE)
    schema["description"] = "The services' configuration, with the keys of docs/configuration.md."
    return schema


class _Config(Readable):
    """Knows what the settings' own validators take beyond the type that they lead to."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """Widen the inner schema by what the validator takes."""
        inner = self.generate_inner(schema["schema"])
        function = schema["function"]["function"]
        if function is parse_duration:
            return {"minimum": 0, **inner, "type": ["string", "number"], "pattern": _DURATION}
        if function is settings_types._split:
            return {**inner, "type": ["array", "string"]}
        if function is settings_types._servers:
            return {"type": ["string", "array"], "items": {"type": "string"}}
        if function is settings_types._start:
            return {"type": ["string", "integer"], "minimum": 0, "pattern": _START}
        if function in (settings_types._plain, properties.as_text):
            return {"type": ["string", "number", "boolean"]}
        if function is settings_types._or_none:
            return inner
        if function in (settings_types._upper, settings_types._lower):
            return {"type": "string", "enum": [*inner["enum"], *(word.swapcase() for word in inner["enum"])]}
        raise NotImplementedError(
            f"what {function.__name__} takes is not told here yet: add it to {__name__}"
        )

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """Narrow the inner schema by what the validator refuses, where a schema can say it readably."""
        inner = self.generate_inner(schema["schema"])
        function: Any = schema["function"]["function"]
        if function is settings_types._site_url:
            return {**inner, "pattern": "^(https?://.+)?$"}
        if function is settings_types._topic:
            return {**inner, "pattern": f"^{settings_types._TOPIC.pattern}$"}
        if function is settings_types._group_word:
            return {**inner, "pattern": f"^({settings_types._GROUP_WORD.pattern})?$"}
        if function is properties.read_secret_files:
            return {**inner, "properties": _refused()}
        return inner

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A map with names of one's own; what the names must be is told by the service."""
        found = super().dict_schema(schema)
        found.pop("propertyNames", None)
        return found

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Durations are shown the way people write them."""
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, field in model.model_fields.items():
            if isinstance(field.default, float):
                found["properties"][name]["default"] = format_duration(field.default)
        return found


def _refused() -> dict[str, Any]:
    """Properties on which a promise rests: no value is right, and the message of helm gives the reason."""
    return {name: {"const": f"refused: {reason}"} for name, reason in sorted(properties.REFUSED.items())}
