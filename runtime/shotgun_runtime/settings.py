"""The whole configuration, and how it is read: command line over environment over file over defaults."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shotgun_runtime.duration import Duration
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings_layers import (
    ENV_PREFIX,
    Layer,
    merge,
    origin_of,
    read_environment,
    read_file,
    read_overrides,
)
from shotgun_runtime.settings_problems import how_to_set, problems
from shotgun_runtime.settings_sections import (
    ConsumerSettings,
    EmailSettings,
    HttpSettings,
    KafkaSettings,
    LoggingSettings,
    PluginSettings,
    ProducerSettings,
    Section,
    ShotgunSettings,
    StreamSettings,
)

__all__ = [
    "ConsumerSettings",
    "EmailSettings",
    "HttpSettings",
    "KafkaSettings",
    "LoggingSettings",
    "PluginSettings",
    "ProducerSettings",
    "Section",
    "Settings",
    "ShotgunSettings",
    "StreamSettings",
    "load_settings",
    "render_settings",
    "require_consumer",
    "require_kafka",
    "require_producer",
    "require_site",
]


class Settings(BaseSettings):
    """The configuration of either service. Made by ``load_settings``; made directly, it reads its arguments alone."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
    )

    shotgun: ShotgunSettings = Field(default_factory=ShotgunSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    stream: StreamSettings = Field(default_factory=StreamSettings)
    producer: ProducerSettings = Field(default_factory=ProducerSettings)
    consumer: ConsumerSettings = Field(default_factory=ConsumerSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    shutdown_timeout: Annotated[Duration, Field(gt=0, le=3600)] = Field(
        default=30.0,
        description="Time for a clean stop after SIGTERM or Ctrl-C; then the process ends as it is.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments alone: the layers are merged by ``load_settings``, which remembers where each came from."""
        return (init_settings,)

    @model_validator(mode="after")
    def _tell_the_log(self) -> Settings:
        known = frozenset(
            secret for section in (self.shotgun, self.kafka, self.logging) for secret in section.secrets()
        )
        self.logging._redacted = known
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from self.model_dump(mode="json").items()


def load_settings(
    config: Path | None, overrides: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> Settings:
    """Read and check the configuration.

    ``overrides`` are the ``--set`` options (``{"http.port": "0"}``). Raises ConfigurationError that lists every
    problem with its key, its value unless that is a secret, the allowed form and the place it came from.
    """
    layers = [
        read_file(config) if config else Layer("defaults"),
        read_environment(environ, Settings),
        read_overrides(overrides, Settings),
    ]
    values: dict[str, Any] = {}
    for layer in layers:
        values = merge(values, layer.values)
    # An empty section in YAML ('kafka:') is None; it means the same as no section.
    values = {key: value for key, value in values.items() if value is not None}
    found = [problem for layer in layers for problem in layer.problems]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        found += problems(error, Settings, lambda path: origin_of(layers, path))
    if found:
        raise ConfigurationError(_listed(found))
    return settings


def render_settings(settings: Settings) -> str:
    """Return the configuration as YAML, every secret shown as ``********``."""
    values = settings.model_dump(mode="json")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False)


def require_site(settings: ShotgunSettings) -> None:
    """Raise ConfigurationError unless the site's address and login are set."""
    _require(_missing_site(settings))


def require_kafka(settings: KafkaSettings) -> None:
    """Raise ConfigurationError unless the brokers are set."""
    _require(_missing_kafka(settings))


def require_producer(settings: Settings) -> None:
    """Raise ConfigurationError that lists everything a producer needs and does not have."""
    _require(_missing_site(settings.shotgun) + _missing_kafka(settings.kafka))


def require_consumer(settings: Settings) -> None:
    """Raise ConfigurationError that lists everything a consumer needs and does not have."""
    missing = _missing_site(settings.shotgun) + _missing_kafka(settings.kafka)
    if not settings.consumer.team:
        missing.append(("consumer", "team"))
    if not settings.consumer.plugin_paths:
        missing.append(("consumer", "plugin_paths"))
    _require(missing)


def _missing_site(settings: ShotgunSettings) -> list[tuple[str, str]]:
    given = {
        "url": settings.url,
        "script_name": settings.script_name,
        "api_key": settings.api_key.get_secret_value(),
    }
    return [("shotgun", key) for key, value in given.items() if not value]


def _missing_kafka(settings: KafkaSettings) -> list[tuple[str, str]]:
    return [] if settings.bootstrap_servers else [("kafka", "bootstrap_servers")]


def _require(missing: list[tuple[str, str]]) -> None:
    if missing:
        raise ConfigurationError(
            _listed([f"{'.'.join(path)} is missing; {how_to_set(path)}" for path in missing])
        )


def _listed(found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    return f"{len(found)} problems in the configuration:\n" + "\n".join(f"  - {problem}" for problem in found)
