"""The layers of the configuration and their merging: file, environment, command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings_shape import Shape, resolve

ENV_PREFIX = "SHOTGUN_STREAM_"
CONFIG_VARIABLE = "SHOTGUN_STREAM_CONFIG"

Path_ = tuple[str, ...]

# Kubernetes puts these into every pod that shares a namespace with a service named shotgun-stream-...
_SERVICE_LINK = re.compile(
    r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$"
)
_SERVICE_LINK_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


@dataclass(slots=True)
class Layer:
    """One source of values: nested mappings, and for each path where it was written."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path_, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def put(self, path: Path_, value: Any, origin: str) -> None:
        """Set one value at a path."""
        target = self.values
        for name in path[:-1]:
            child = target.get(name)
            if not isinstance(child, dict):
                child = target[name] = {}
            target = child
        last = path[-1]
        if isinstance(value, dict) and isinstance(target.get(last), dict):
            value = merge(target[last], value)
        target[last] = value
        self.origins[path] = origin

    def origin(self, path: Path_) -> str | None:
        """Return where the value at this path, or a mapping around it, was written; None if not in this layer."""
        value: Any = self.values
        for name in path:
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        for length in range(len(path), 0, -1):
            found = self.origins.get(path[:length])
            if found:
                return found
        return self.name


def read_file(path: Path) -> Layer:
    """Read the YAML file. Raises ConfigurationError when it is missing, no YAML, or no mapping."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"configuration file {path} does not exist; check --config") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"configuration file {path} is no UTF-8 text: {error.reason}") from None
    except OSError as error:
        raise ConfigurationError(f"configuration file {path} cannot be read: {error.strerror}") from None
    try:
        values = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"configuration file {path} is no valid YAML: {_yaml_fault(error)}"
        ) from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"configuration file {path} must hold a mapping with sections such as 'shotgun:' and 'kafka:', "
            f"not {kind_of(values)}"
        )
    layer = Layer(str(path))
    layer.values = _text_keys(values)
    return layer


class _UniqueKeys(yaml.SafeLoader):
    """YAML whose mappings name each key once: of two values one would be dropped silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands here twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _yaml_fault(error: yaml.YAMLError) -> str:
    # The library's own text quotes the line, which may hold a secret.
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return "unreadable character" if isinstance(error, yaml.reader.ReaderError) else type(error).__name__


def _text_keys(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): _text_keys(value) for key, value in values.items()}
    return values


def read_environment(environ: Mapping[str, str], shape: Shape) -> Layer:
    """Read SHOTGUN_STREAM_<SECTION>__<KEY>; variables that name no key become problems of the layer."""
    layer = Layer("the environment")
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        text = environ[variable]
        if _is_service_link(variable, text):
            continue
        names = [part.lower() for part in variable.removeprefix(ENV_PREFIX).split("__")]
        if len(names) == 3 and names[1].endswith("properties"):
            names[2] = _property_name(names[2])
        _take(layer, names, text, shape, f"environment variable {variable}", variable)
    return layer


def _property_name(name: str) -> str:
    # SASL_PASSWORD_FILE is the file of sasl.password.
    stem = name.removesuffix("_file")
    return stem.replace("_", ".") + name[len(stem) :]


def _is_service_link(variable: str, value: str) -> bool:
    if "__" in variable:
        return False
    if variable.endswith("_PORT"):
        return bool(_SERVICE_LINK_ADDRESS.match(value))
    return bool(_SERVICE_LINK.search(variable))


def read_overrides(overrides: Mapping[str, str], shape: Shape) -> Layer:
    """Read the ``--set section.key=value`` options."""
    layer = Layer("the command line")
    for key, text in overrides.items():
        _take(layer, key.split("."), text, shape, f"option --set {key}", f"--set {key}")
    return layer


def _take(layer: Layer, names: list[str], text: str, shape: Shape, origin: str, shown: str) -> None:
    target = resolve(shape, names)
    if target.problem:
        layer.problems.append(f"{shown} {target.problem}")
        return
    value: Any = text
    if target.structured:
        try:
            value = _text_keys(yaml.safe_load(text)) if text.strip() else None
        except yaml.YAMLError as error:
            layer.problems.append(f"{shown} must be YAML or JSON: {_yaml_fault(error)}")
            return
    layer.put(target.path, value, origin)


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another. A secret and its file are one setting: either in the upper hides both below."""
    merged = {key: value for key, value in lower.items() if _partner(key) not in upper}
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = (
            merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _partner(key: str) -> str:
    return key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"


def origin_of(layers: list[Layer], path: Path_) -> str | None:
    """Return where the winning value at a path comes from; layers from lowest to highest."""
    for layer in reversed(layers):
        found = layer.origin(path)
        if found:
            return found
    return None


def kind_of(value: Any) -> str:
    """Name a value's type in the words of YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")
