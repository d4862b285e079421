"""JSON schemas that people can read the errors of: one `type` list instead of alternatives, no titles."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

REFERENCE = "#/definitions/{model}"
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


class Readable(GenerateJsonSchema):
    """The schemas of pydantic, so written that a wrong value breaks one rule, which names what is right."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """What the inner schema takes, and null."""
        return nullable(self.generate_inner(schema["schema"]))

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        """One list of types. A rule for texts takes no notice of numbers, so that they can stand side by side."""
        whole: JsonSchemaValue = {}
        types: list[str] = []
        for choice in schema["choices"]:
            inner = self.generate_inner(choice[0] if isinstance(choice, tuple) else choice)
            types += _types(inner)
            whole.update(inner)
        return {**whole, "type": list(dict.fromkeys(types))}


def nullable(schema: JsonSchemaValue) -> JsonSchemaValue:
    """What a schema takes, and null. A reference is left alone: the definition itself says whether it takes null."""
    if "$ref" in schema or "const" in schema:
        return schema
    if not {"type", "enum"} & set(schema):
        return schema
    whole = dict(schema)
    if "enum" in schema:
        whole["enum"] = [*schema["enum"], *([] if None in schema["enum"] else [None])]
    if "type" in schema:
        whole["type"] = list(dict.fromkeys([*_types(schema), "null"]))
    return whole


def tidied(schema: Any) -> Any:
    """Without what only programs ask for, and with bounds by the names that JSON schema has for them."""
    if isinstance(schema, list):
        return [tidied(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    whole: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            whole[key] = {name: tidied(part) for name, part in value.items()}
        elif key in ("default", "enum", "const"):
            whole[key] = value
        elif key not in ("title", "format", "writeOnly"):
            whole[_BOUNDS.get(str(key), str(key))] = tidied(value)
    if isinstance(whole.get("description"), str):
        whole["description"] = " ".join(whole["description"].split())
    return whole


def _types(schema: JsonSchemaValue) -> list[str]:
    found = schema["type"]
    return list(found) if isinstance(found, list) else [found]
