"""What is wrong with a configuration, in words that name the key, the value, the allowed form and the place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shotgun_runtime.secret import is_secret_property, mask_userinfo
from shotgun_runtime.settings_layers import kind_of
from shotgun_runtime.settings_shape import Shape, model_at, unknown

Origin = Callable[[tuple[str, ...]], str | None]

_SECRET_KEYS = frozenset({"api_key", "password"})


def problems(error: ValidationError, shape: Shape, origin: Origin) -> list[str]:
    """Return one line for each thing that pydantic found."""
    return [_line(detail, shape, origin) for detail in error.errors(include_url=False)]


def _line(detail: ErrorDetails, shape: Shape, origin: Origin) -> str:
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    context: Mapping[str, Any] = detail.get("ctx") or {}
    if isinstance(context.get("key"), str):
        path = (*path, context["key"])
    where = origin(path)
    place = f" (from {where})" if where else ""
    name = shown(path)
    if detail["type"] == "extra_forbidden":
        model = model_at(shape, path[:-1])
        return f"{name} {unknown(path, model.model_fields if model else ())}{place}"
    if detail["type"] == "missing":
        return f"{name} is missing; {how_to_set(path)}"
    text = _form(detail)
    if text.startswith("is refused"):
        return f"{name} {text}{place}"
    return f"{name} must be {text}{_found(detail, path)}{place}"


def shown(path: Sequence[str]) -> str:
    """Write a path with dots; names that hold dots themselves stand in brackets."""
    text = ""
    for part in path:
        if "." in part:
            text += f'["{part}"]'
        else:
            text += f".{part}" if text else part
    return text


def how_to_set(path: Sequence[str]) -> str:
    """Say where a key is set: in the file, and by which environment variable."""
    variable = "SHOTGUN_STREAM_" + "__".join(part.upper() for part in path)
    written = ": {".join(path) + ": ..." + "}" * (len(path) - 1)
    return f"set '{written}' in the file given by --config, or {variable}"


def _form(detail: ErrorDetails) -> str:
    context: Mapping[str, Any] = detail.get("ctx") or {}
    kind = detail["type"]
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    if kind in ("both_given", "no_username"):
        return detail["msg"]
    simple = _FORMS.get(kind)
    if simple:
        return simple.format(**context)
    return detail["msg"].removeprefix("Input should be ").removeprefix("a valid ")


_FORMS: Mapping[str, str] = {
    "string_type": "text (put a number or a word such as yes into quotes)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping with keys",
    "model_attributes_type": "a mapping with keys",
    "path_type": "a path",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "literal_error": "one of {expected}",
    "too_short": "a list with at least {min_length} entry",
    "string_too_short": "text that is not empty",
}

_STRUCTURED = frozenset({"dict_type", "model_type", "model_attributes_type", "list_type"})


def _found(detail: ErrorDetails, path: tuple[str, ...]) -> str:
    if detail["type"] in ("both_given", "no_username", "too_short", "string_too_short"):
        return ""
    value = detail["input"]
    # What was given in the place of a mapping may be anything, a secret too: its kind says enough.
    if detail["type"] in _STRUCTURED or isinstance(value, dict | list):
        return f", got {kind_of(value)}"
    if value is None:
        return ", got nothing"
    if is_secret(path):
        return ""
    text = str(value)
    return f", got '{mask_userinfo(text if len(text) <= 200 else text[:200] + '...')}'"


def is_secret(path: Sequence[str]) -> bool:
    """Tell whether the value at this path is a secret."""
    last = path[-1] if path else ""
    if last.endswith("_file"):
        return False
    below_properties = len(path) > 1 and path[-2].endswith("properties")
    return last in _SECRET_KEYS or (below_properties and is_secret_property(last))
