"""Which keys the configuration has: resolves dotted names and finds the nearest right one."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

Shape = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Target:
    """What a dotted name means: a path, whether its value is a mapping or list, or what is wrong with it."""

    path: tuple[str, ...]
    structured: bool = False
    problem: str | None = None


def resolve(shape: Shape, names: Sequence[str]) -> Target:
    """Walk the models along the names; what stands below a free-form mapping is one key with dots."""
    path: list[str] = []
    model: Shape = shape
    rest = list(names)
    while rest:
        name = rest.pop(0)
        field = model.model_fields.get(name)
        if field is None:
            return Target((), problem=unknown([*path, name], model.model_fields))
        path.append(name)
        annotation = _core(field.annotation)
        if _is_model(annotation):
            model = annotation
            if not rest:
                return Target(tuple(path), structured=True)
            continue
        if get_origin(annotation) is dict:
            return _below_mapping(annotation, path, rest)
        if rest:
            return Target((), problem=f"names no key: {'.'.join(path)} is a single value")
        return Target(tuple(path))
    return Target((), problem="names no key")


def _below_mapping(annotation: Any, path: list[str], rest: list[str]) -> Target:
    if not rest:
        return Target(tuple(path), structured=True)
    value = _core(get_args(annotation)[1])
    if _is_model(value):
        if len(rest) == 1:
            return Target((*path, rest[0]), structured=True)
        inner = resolve(value, rest[-1:])
        if inner.problem:
            return Target((), problem=unknown([*path, *rest], value.model_fields))
        return Target((*path, ".".join(rest[:-1]), rest[-1]), structured=inner.structured)
    return Target((*path, ".".join(rest)))


def unknown(path: Iterable[str], names: Iterable[str]) -> str:
    """Say that a path names no key, with the nearest right name."""
    parts = list(path)
    known = list(names)
    near = difflib.get_close_matches(parts[-1], known, n=1, cutoff=0.6)
    above = ".".join(parts[:-1])
    if near:
        hint = f"did you mean {'.'.join([*parts[:-1], near[0]])}?"
    else:
        hint = f"{above or 'the configuration'} has: {', '.join(sorted(known))}"
    return f"names no key ({'.'.join(parts)}); {hint}"


def _core(annotation: Any) -> Any:
    """Strip Annotated and Optional."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            choices = [choice for choice in get_args(annotation) if choice is not type(None)]
            if len(choices) != 1:
                return annotation
            annotation = choices[0]
        else:
            return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def model_at(shape: Shape, path: Sequence[str]) -> Shape | None:
    """Return the model whose keys stand at a path, or None."""
    model: Any = shape
    names = list(path)
    while names:
        field = model.model_fields.get(names.pop(0))
        if field is None:
            return None
        model = _core(field.annotation)
        if get_origin(model) is dict:
            model = _core(get_args(model)[1])
            names = names[1:]
        if not _is_model(model):
            return None
    return model if _is_model(model) else None
