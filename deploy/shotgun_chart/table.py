"""The table of values in the chart's README, made of the models."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from shotgun_chart.parts import LAID_OVER, Part
from shotgun_chart.values import Values
from shotgun_chart.workloads import Worker

BEGIN, END = "<!-- values: made by `make chart` -->", "<!-- end of values -->"
_KINDS = {str: "text", int: "number", float: "number", bool: "true or false", list: "list", dict: "mapping"}
_ELSEWHERE = {
    "Config": "configuration",
    "Credentials": "like `credentials`",
    "Image": "like `image`",
    "Team": "like `teamDefaults`",
    "Worker": "like `teamDefaults`",
}


def readme_with_table(readme: str) -> str:
    """The README with the table of today between its two marks. Raises ValueError when it lacks them."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"the chart's README.md must hold the lines {BEGIN} and {END}; the table goes between them"
        )
    return f"{before}{BEGIN}\n\n{values_table()}\n{END}{after}"


def values_table() -> str:
    """One table for each part of the values, in their order."""
    parts: list[tuple[str, str, list[str]]] = [("", "Everywhere", [])]
    for name, field in Values.model_fields.items():
        key = field.alias or name
        if _part(field):
            parts.append((key, str(field.description), list(_rows(key, field))))
        else:
            parts[0][2].extend(_rows(key, field))
    tables = []
    for key, about, rows in parts:
        heading = f"### `{key}`\n\n{_flat(about)}" if key else f"### {about}"
        tables.append(
            "\n".join([heading, "", "| key | type | default | meaning |", "|---|---|---|---|", *rows, ""])
        )
    return "\n".join([*tables, _workers()])


def _workers() -> str:
    rows = list(_rows("only", Worker.model_fields["only"]))
    head = "### `teamDefaults.workers.<worker>`\n\nEvery key of `teamDefaults` but `team`, `groupPrefix`, `plugins` and"
    return "\n".join(
        [f"{head} `workers`, and:", "", "| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]
    )


def _rows(key: str, field: FieldInfo) -> Iterator[str]:
    model = _part(field)
    if model is None:
        yield f"| `{key}` | {_kind(field)} | {_default(field)} | {_flat(field.description or '')} |"
        return
    # What a part has of its own comes before what it has in common with others.
    for name, inner in sorted(
        model.model_fields.items(), key=lambda entry: entry[0] not in model.__annotations__
    ):
        yield from _rows(f"{key}.{inner.alias or name}", inner)


def _part(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Part) else None


def _kind(field: FieldInfo) -> str:
    for found in field.metadata:
        if isinstance(found, WithJsonSchema) and found.json_schema is not None:
            name = found.json_schema.get(LAID_OVER)
            if name in _ELSEWHERE:
                return _ELSEWHERE[name]
    return _kind_of(field.annotation)


def _kind_of(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind_of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        kinds = dict.fromkeys(_kind_of(choice) for choice in get_args(annotation) if choice is not type(None))
        return " or ".join(kinds)
    if origin is Literal:
        return "word"
    return _KINDS.get(origin or annotation, "mapping")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default()
    return "" if value == "" else f"`{json.dumps(value, ensure_ascii=False)}`"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
