"""Our configuration out of that of a classic daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from shotgun_runtime.secret import password_of
from shotgun_runtime.settings import Settings

from .classic_conf import ClassicConf, Option

_LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (0, "DEBUG"))
_SAME_ANYWAY = (
    ("shotgun", "use_session_uuid", "the session uuid is always set"),
    ("daemon", "timing_log", "durations are metrics: shotgun_consumer_callback_duration_seconds"),
    ("daemon", "fetch_interval", "the producer polls the site: producer.poll_interval"),
    ("daemon", "max_event_batch_size", "the producer reads the site"),
    ("daemon", "max_conn_retries", "what can heal is tried again without end"),
    ("daemon", "conn_retry_sleep", "what can heal is tried again without end"),
    ("daemon", "pidFile", "the process stays in the foreground; let systemd or a container run it"),
    ("daemon", "eventIdFile", "positions are in Kafka"),
)


class Converted:
    """The configuration as it grows. `notes` say what was not taken over, and why."""

    def __init__(self, conf: ClassicConf) -> None:
        self._conf = conf
        self.values: dict[str, Any] = {}
        self.notes: list[str] = []

    def put(self, key: str, value: Any) -> None:
        """Set a key such as `shotgun.url`; None leaves it out."""
        if value is None:
            return
        section, _, name = key.partition(".")
        self.values.setdefault(section, {})[name] = value

    def secret(self, section: str, option: str, key: str) -> str | None:
        """The value of a secret, only if it stood in the file; else a note says how to give it."""
        found = self._conf.get(section, option)
        if found is None or not found.from_environment:
            return None if found is None else found.text
        variable = "SHOTGUN_STREAM_" + key.upper().replace(".", "__")
        self.notes.append(f"{key} came from the environment: set {variable}, or {key}_file")
        return None

    def text(self, section: str, option: str) -> str | None:
        """The value of what is no secret."""
        found = self._conf.get(section, option)
        return None if found is None else found.text.strip()

    def address(self, section: str, option: str, key: str) -> str | None:
        """An address, which is a secret when there is a password in it."""
        found: Option | None = self._conf.get(section, option)
        if found is not None and found.from_environment and password_of(found.text):
            return self.secret(section, option, key)
        return None if found is None else found.text.strip()


def convert(conf: ClassicConf, settings: Settings, folders: Sequence[str]) -> Converted:
    """The configuration for `shotgun-consumer run`. `settings` have the team, and where Kafka is.

    Raises ConfigurationError as the options of `conf` do.
    """
    made = Converted(conf)
    made.put("shotgun.url", made.text("shotgun", "server"))
    made.put("shotgun.script_name", made.text("shotgun", "name"))
    made.put("shotgun.api_key", made.secret("shotgun", "key", "shotgun.api_key"))
    made.put("shotgun.http_proxy", made.address("shotgun", "proxy_server", "shotgun.http_proxy"))
    made.put("kafka.bootstrap_servers", settings.kafka.bootstrap_servers or None)
    if settings.stream.topic != type(settings.stream)().topic:
        made.put("stream.topic", settings.stream.topic)
    if settings.stream.control_topic != type(settings.stream)().control_topic:
        made.put("stream.control_topic", settings.stream.control_topic)
    made.put("consumer.team", settings.consumer.team)
    made.put("consumer.group_prefix", settings.consumer.group_prefix or None)
    made.put("consumer.plugin_paths", list(folders))
    _logging(conf, made)
    if conf.get("emails", "enabled") is not None and conf.flag("emails", "enabled"):
        made.put("logging.email", _email(conf, made))
    made.notes += [
        f"[{section}] {option}: {reason}"
        for section, option, reason in _SAME_ANYWAY
        if conf.get(section, option) is not None
    ]
    return made


def render(made: Converted, source: str) -> str:
    """The file's text."""
    lines = [f"# Made from {source} by `shotgun-consumer migrate`."]
    lines += ["# Not taken over:", *(f"#   {note}" for note in made.notes)] if made.notes else []
    body = yaml.safe_dump(made.values, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return "\n".join([*lines, body])


def _logging(conf: ClassicConf, made: Converted) -> None:
    level = conf.number("daemon", "logging")
    if level is not None:
        made.put("logging.level", next(name for least, name in _LEVELS if level >= least))
    folder, file = made.text("daemon", "logPath"), made.text("daemon", "logFile")
    if folder and file:
        made.put("logging.file", f"{folder.rstrip('/')}/{file}")
        if conf.number("daemon", "logMode") not in (None, 0):
            made.notes.append("[daemon] logMode: there is one log for all; each line names its plugin")


def _email(conf: ClassicConf, made: Converted) -> dict[str, Any]:
    username = made.text("emails", "username")
    email: dict[str, Any] = {
        "host": made.text("emails", "server"),
        "port": conf.number("emails", "port") or 25,
        "security": "starttls" if username and conf.flag("emails", "useTLS") else "none",
        "sender": made.text("emails", "from"),
        "recipients": conf.words("emails", "to"),
        "subject": made.text("emails", "subject"),
        "username": username,
        "password": made.secret("emails", "password", "logging.email.password") if username else None,
    }
    return {name: value for name, value in email.items() if value is not None}
