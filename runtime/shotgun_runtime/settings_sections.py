"""The sections of the configuration: every key with its type, default and meaning."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from shotgun_runtime.duration import Duration
from shotgun_runtime.secret import is_secret_property, password_of, read_secret_file
from shotgun_runtime.settings_types import (
    GroupWord,
    Level,
    LogFormat,
    MailSecurity,
    OptionalFile,
    OptionalPath,
    OptionalProxy,
    Paths,
    PlainText,
    Port,
    Secret,
    SecretFile,
    Servers,
    ShownProperties,
    SiteUrl,
    StartText,
    TopicName,
    Words,
)
from shotgun_runtime.start import Start, parse_start
from shotgun_schemas import topics


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values cannot be changed, secrets are not shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    def secrets(self) -> Iterator[str]:
        """Yield every secret text of this section, for the log's redaction."""
        yield from ()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from self.model_dump(mode="json").items()


def _take_secret(section: Section, key: str) -> None:
    """Fill a secret from its file. Raises when both the secret and the file are given."""
    path: Path | None = getattr(section, f"{key}_file")
    if path is None:
        return
    given: SecretStr | None = getattr(section, key)
    if given is not None and given.get_secret_value():
        raise PydanticCustomError("both_given", "either {key} or {key}_file, not both", {"key": key})
    object.__setattr__(section, key, SecretStr(read_secret_file(path)))


class ShotgunSettings(Section):
    """The Shotgun site and how to log in to it."""

    url: SiteUrl = Field(
        default="", description="Address of the site, such as `https://studio.shotgrid.autodesk.com`."
    )
    script_name: str = Field(default="", description="Name of the script user.")
    api_key: Secret = Field(default=SecretStr(""), description="The script user's key. A secret.")
    api_key_file: SecretFile | None = Field(
        default=None, description="File that holds the key, instead of `api_key`."
    )
    http_proxy: OptionalProxy = Field(
        default=None, description="Proxy for the site: `host:port` or `user:password@host:port`."
    )
    ca_certs: OptionalFile = Field(
        default=None,
        description="PEM file with the certificate authorities to trust, instead of the built-in ones.",
    )
    timeout: Annotated[Duration, Field(gt=0)] = Field(
        default=60.0,
        description="Longest wait for a connection, and for the next piece of an answer. "
        "A whole answer may take three times as long.",
    )

    @model_validator(mode="after")
    def _resolve(self) -> ShotgunSettings:
        _take_secret(self, "api_key")
        return self

    def secrets(self) -> Iterator[str]:
        """Yield the script key and the passwords inside the addresses."""
        yield self.api_key.get_secret_value()
        for address in (self.url, self.http_proxy):
            password = password_of(address) if address else None
            if password:
                yield password


class KafkaSettings(Section):
    """The Kafka cluster."""

    bootstrap_servers: Servers = Field(
        default="", description="Comma-separated `host:port` of one or more brokers."
    )
    properties: ShownProperties = Field(
        default={}, description="librdkafka properties for every client, such as `security.protocol`."
    )
    producer_properties: ShownProperties = Field(
        default={}, description="More properties, for producers alone."
    )
    consumer_properties: ShownProperties = Field(
        default={}, description="More properties, for consumers alone."
    )

    def secrets(self) -> Iterator[str]:
        """Yield the values of all properties that hold secrets."""
        for properties in (self.properties, self.producer_properties, self.consumer_properties):
            for name, value in properties.items():
                if is_secret_property(name):
                    yield value


class StreamSettings(Section):
    """Names and shape of the topics."""

    topic: TopicName = Field(default=topics.EVENTS, description="Topic of the events.")
    checkpoint_topic: TopicName = Field(
        default=topics.CHECKPOINT, description="Topic of the producer's checkpoint."
    )
    control_topic: TopicName = Field(
        default=topics.CONTROL, description="Topic of pauses, holds, jobs and schemas."
    )
    dead_letter_topic: TopicName = Field(
        default=topics.DEAD_LETTERS,
        description="Prefix of the teams' dead-letter topics; `.<team>` is added.",
    )
    partitions: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Partitions of the events topic, used when it is created. One keeps total order.",
    )
    replication_factor: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="Copies of each topic, used when it is created; empty: the broker's default.",
    )


class ProducerSettings(Section):
    """How the producer reads the site."""

    poll_interval: Annotated[Duration, Field(ge=0.01)] = Field(
        default=1.0, description="Pause between two polls while events come."
    )
    idle_poll_interval: Annotated[Duration, Field(ge=0.01)] = Field(
        default=5.0,
        description="Longest pause between two polls while nothing happens; at least `poll_interval`.",
    )
    parallel_requests: int = Field(
        default=4,
        ge=1,
        le=32,
        description="Requests to the site at once while the producer is far behind, and for a backfill.",
    )
    start: StartText = Field(
        default="latest",
        description="Where the very first start begins: `latest`, `earliest`, an event id (that event is the first) "
        "or a date. Without effect once there is a checkpoint.",
    )
    hold: Duration = Field(
        default=0.0,
        description="Longest time that rows wait for missing lower ids, for stricter order. Zero: they never wait.",
    )
    checkpoint_interval: Annotated[Duration, Field(ge=1, le=86400)] = Field(
        default=600.0, description="A checkpoint is written at least this often, also when nothing happens."
    )
    audit_interval: Annotated[Duration, Field(ge=0)] = Field(
        default=3600.0,
        description="Pause between two audits, which count the site's events against what was read. Zero: none.",
    )
    exclude_event_types: Words = Field(
        default=[],
        description="Patterns of event types that are not published, such as `*_View`. `*` stands for any text.",
    )
    projects: list[Annotated[int, Field(ge=1)]] = Field(
        default=[],
        description="Ids of projects; empty: all. Events of other projects are not published, those without a "
        "project are.",
    )

    @property
    def start_position(self) -> Start:
        """``start`` as a value."""
        return parse_start(self.start)


class PluginSettings(Section):
    """How the plugins or callbacks that match a pattern are run. Empty keys fall to the next matching pattern."""

    api: Literal["classic", "seed"] | None = Field(
        default=None,
        description="`classic` or `seed`: which order of callback arguments, and what an exception means.",
    )
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Events run at once, for plugins that are thread-safe or async; each entity's order is kept.",
    )
    max_attempts: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Tries of a callback for one event before `on_failure` applies; empty: 1, no second try.",
    )
    retry_backoff: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None,
        description="Pause before the second try; it doubles with each further one, and is shortened by up to half "
        "at random. Empty: 1s.",
    )
    retry_backoff_max: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None, description="Longest pause between two tries; empty: 1m, or `retry_backoff` if longer."
    )
    retry_on: Words | None = Field(
        default=None,
        description="Exceptions that are worth another try, such as `OSError` or `shotgun_api3.Fault`; their "
        "subclasses count. Empty: all.",
    )
    on_failure: Literal["pause", "dead_letter", "skip"] | None = Field(
        default=None,
        description="`pause`, `dead_letter` or `skip`: what becomes of an event that keeps failing. Empty: as "
        "`stopOnError` says, `pause` or `skip`.",
    )
    timeout: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None, description="Time after which a callback counts as stuck; empty: never."
    )
    on_timeout: Literal["alarm", "restart_process"] | None = Field(
        default=None,
        description="`alarm` or `restart_process`: what to do about a stuck callback; empty: `alarm`.",
    )
    backfill: Literal["filter", "deliver"] | None = Field(
        default=None, description="`filter` or `deliver`: whether backfilled events reach the plugin."
    )
    ignore_own_events: bool | None = Field(
        default=None,
        description="Whether events are left out that the callback's own script made, so that a plugin does not "
        "answer itself. Empty: as `@on` says, there `true`; `false` for `registerCallback`.",
    )


class ConsumerSettings(Section):
    """One team's consumers."""

    team: GroupWord = Field(default="", description="The team; part of each consumer group's name.")
    group_prefix: GroupWord = Field(
        default="",
        description="Put before each consumer group's name, for clusters that grant groups by prefix.",
    )
    plugin_paths: Paths = Field(default=[], description="Folders with plugin files.")
    only: Words = Field(
        default=[],
        description="Patterns of plugin names that this process runs; empty: all. `*` stands for any text.",
    )
    names: dict[str, GroupWord] = Field(
        default={},
        description="Other names for plugins than their files': `{<path of the file>: <name>}`. Two folders may then "
        "hold files of one name.",
    )
    start: StartText = Field(
        default="latest",
        description="Where a new plugin's group begins: `latest`, `earliest`, an event id (that event is the first) "
        "or a date.",
    )
    max_uncommitted: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Finished events whose commit Kafka has not confirmed; 1 awaits each commit.",
    )
    groups: dict[str, Words] = Field(
        default={},
        description="Groups that several plugins share: `{<group>: [<plugin>, ..]}`. They run one after the other, "
        "by folder and file name.",
    )
    reload: Literal["watch", "poll", "off"] = Field(
        default="watch",
        description="How changed plugin files are found: `watch` (told by the operating system), `poll` (looked for, "
        "where that does not work) or `off` (with the next start).",
    )
    plugin_config: dict[str, dict[str, PlainText]] = Field(
        default={},
        description="Sections of your own that plugins read through `reg.logger.config`: "
        "`{<section>: {<key>: <value>}}`. They are shown, so not for secrets.",
    )
    plugins: dict[str, PluginSettings] = Field(
        default={}, description="Settings of plugins by name or pattern; see [Plugins](#consumerplugins)."
    )

    @property
    def start_position(self) -> Start:
        """``start`` as a value."""
        return parse_start(self.start)

    def plugin_name(self, path: Path) -> str:
        """The name of the plugin in this file: the one in ``names``, else the file's stem. ``path`` is absolute."""
        named = (name for file, name in self.names.items() if Path(file).expanduser().absolute() == path)
        return next(named, "") or path.stem

    def plugin(self, name: str) -> PluginSettings:
        """Return what applies to one plugin: its own entry first, then matching patterns from top to bottom.

        A key that no entry sets is None.
        """
        exact = [self.plugins[name]] if name in self.plugins else []
        matching = [
            settings
            for pattern, settings in self.plugins.items()
            if pattern != name and fnmatch.fnmatchcase(name, pattern)
        ]
        found: dict[str, Any] = {}
        for settings in reversed(exact + matching):
            found |= settings.model_dump(exclude_none=True)
        return PluginSettings.model_validate(found)


class EmailSettings(Section):
    """Mail for errors."""

    host: str = Field(min_length=1, description="SMTP server.")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="Its port; empty: 587 for `starttls`, 465 for `tls`, 25 for `none`."
    )
    security: MailSecurity = Field(
        default="starttls", description="`starttls`, `tls` (from the first byte) or `none`."
    )
    username: str | None = Field(default=None, description="Login name, when the server wants one.")
    password: Secret = Field(default=SecretStr(""), description="Password of the login. A secret.")
    password_file: SecretFile | None = Field(default=None, description="File that holds the password.")
    sender: str = Field(min_length=1, description="Address in `From`.")
    recipients: Annotated[Words, Field(min_length=1)] = Field(description="Addresses in `To`.")
    subject: str = Field(default="Shotgun Stream", description="Begins each subject.")
    max_per_minute: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="At most so many mails a minute; the next one counts what was held back.",
    )
    ca_certs: OptionalFile = Field(
        default=None, description="PEM file with the certificate authorities to trust for the server."
    )
    timeout: Annotated[Duration, Field(gt=0, le=300)] = Field(
        default=10.0, description="Longest wait for the server."
    )

    @model_validator(mode="after")
    def _resolve(self) -> EmailSettings:
        _take_secret(self, "password")
        if self.password.get_secret_value() and not self.username:
            raise PydanticCustomError("no_username", "set together with username", {"key": "password"})
        return self

    def secrets(self) -> Iterator[str]:
        """Yield the password."""
        yield self.password.get_secret_value()


class LoggingSettings(Section):
    """Where the log goes."""

    level: Level = Field(
        default="INFO",
        description="Least level that is written: `DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`.",
    )
    format: LogFormat = Field(default="text", description="`text` for people, `json` for one object a line.")
    file: OptionalPath = Field(default=None, description="File to write the log to as well; it is rotated.")
    file_max_bytes: int = Field(
        default=20 * 1024 * 1024,
        ge=1024,
        description="The file is rotated when it would grow beyond so many bytes.",
    )
    file_count: int = Field(
        default=10, ge=1, le=1000, description="Rotated files that are kept beside the current one."
    )
    email: EmailSettings | None = Field(default=None, description="Mail for errors; empty: none.")

    _redacted: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def redacted(self) -> frozenset[str]:
        """All secrets of the whole configuration, which must never be written to a log."""
        return self._redacted | frozenset(self.secrets())

    def secrets(self) -> Iterator[str]:
        """Yield the mail password."""
        if self.email:
            yield from self.email.secrets()


class HttpSettings(Section):
    """The endpoint for `/metrics`, `/healthz` and `/readyz`."""

    host: str = Field(default="0.0.0.0", min_length=1, description="Address to listen on.")  # noqa: S104
    port: Port | None = Field(
        default=None,
        description="Port; empty: 9464 for the producer, 9465 for the consumer. 0 takes any free one.",
    )
