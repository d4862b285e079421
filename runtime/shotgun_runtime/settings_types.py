"""The types of single values in the configuration: what is allowed, and how a value is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr

from shotgun_runtime.properties import Properties
from shotgun_runtime.secret import MASK, is_secret_property, mask_userinfo, read_secret_file
from shotgun_runtime.start import parse_start

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_GROUP_WORD = re.compile(r"[a-zA-Z0-9._-]+")


def _site_url(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        _ = parts.port  # a port that is no number raises only here
    except ValueError:
        raise ValueError("an address such as https://studio.shotgrid.autodesk.com") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address such as https://studio.shotgrid.autodesk.com")
    return value


def _proxy(value: str) -> str:
    # The client wants no scheme; people write one all the same.
    bare = re.sub(r"^https?://", "", value).rstrip("/")
    address = bare.rpartition("@")[2]
    host, colon, port = address.partition(":")
    if not host or "/" in bare.rpartition("@")[2] or (colon and not port.isdigit()):
        raise ValueError("host:port or user:password@host:port")
    if "@" in bare and ":" not in bare.rpartition("@")[0]:
        raise ValueError("host:port or user:password@host:port")
    return bare


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("an existing file")
    return path


def _secret_file(path: Path) -> Path:
    read_secret_file(path)
    return path


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value) or value in (".", ".."):
        raise ValueError("a topic name: letters, digits, dots, dashes and underscores, at most 249")
    return value


def _group_word(value: str) -> str:
    if value and not _GROUP_WORD.fullmatch(value):
        raise ValueError("letters, digits, dots, dashes and underscores")
    return value


def _start(value: Any) -> str:
    return str(parse_start(value))


def _or_none(value: Any) -> Any:
    return None if value == "" else value


def _split(value: Any) -> Any:
    """Take ``a, b`` or ``[a, b]``, as an environment variable holds it, for a list."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            raise ValueError("a list such as [a, b]") from None
    return [part.strip() for part in text.split(",") if part.strip()]


def _plain(value: Any) -> Any:
    """Take what YAML makes of a bare word or number for the text that it stands for."""
    if value is None:
        return ""
    return str(value) if isinstance(value, bool | int | float) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _servers(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _masked(properties: dict[str, str]) -> dict[str, str]:
    return {name: MASK if is_secret_property(name) else value for name, value in properties.items()}


Secret = Annotated[
    SecretStr, PlainSerializer(lambda s: MASK if s.get_secret_value() else "", when_used="json")
]
SecretFile = Annotated[Path, AfterValidator(_secret_file)]
TopicName = Annotated[str, AfterValidator(_topic)]
StartText = Annotated[str, BeforeValidator(_start)]
PlainText = Annotated[str, BeforeValidator(_plain)]
Words = Annotated[list[str], BeforeValidator(_split)]
SiteUrl = Annotated[str, AfterValidator(_site_url), PlainSerializer(mask_userinfo, when_used="json")]
ProxyAddress = Annotated[str, AfterValidator(_proxy), PlainSerializer(mask_userinfo, when_used="json")]
OptionalProxy = Annotated[ProxyAddress | None, BeforeValidator(_or_none)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
OptionalFile = Annotated[ExistingFile | None, BeforeValidator(_or_none)]
OptionalPath = Annotated[Path | None, BeforeValidator(_or_none)]
Paths = Annotated[list[Path], BeforeValidator(_split)]
GroupWord = Annotated[str, AfterValidator(_group_word)]
Servers = Annotated[str, BeforeValidator(_servers)]
ShownProperties = Annotated[Properties, PlainSerializer(_masked, when_used="json")]
Port = Annotated[int, Field(ge=0, le=65535)]
Level = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
LogFormat = Annotated[Literal["text", "json"], BeforeValidator(_lower)]
MailSecurity = Annotated[Literal["starttls", "tls", "none"], BeforeValidator(_lower)]
