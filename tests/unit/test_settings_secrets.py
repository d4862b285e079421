"""Secrets and librdkafka properties in the configuration: kept out of sight, refused with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings, load_settings, render_settings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(
        text: str = "", overrides: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
    ):
        path = tmp_path / "stream.yaml"
        path.write_text(text, "utf-8")
        return load_settings(path, overrides or {}, environ or {})

    return load


def refusal(load: Load, *args: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(*args)
    assert caught.value.exit_code == 2
    return str(caught.value)


# --- secrets

SECRETS = {
    "shotgun": {
        "url": "https://me:w3b-pass@site",
        "api_key": "s3cret-key",
        "http_proxy": "me:pr0xy-pass@p:1",
    },
    "kafka": {
        "properties": {"sasl.password": "k4fka-pass"},
        "producer_properties": {"ssl.key.password": "ssl-pass"},
    },
    "logging": {
        "email": {"host": "h", "sender": "s", "recipients": ["r"], "username": "u", "password": "m4il-pass"}
    },
}
WORDS = ("w3b-pass", "s3cret-key", "pr0xy-pass", "k4fka-pass", "ssl-pass", "m4il-pass")


def test_no_secret_is_printed_or_represented() -> None:
    settings = Settings(**SECRETS)

    shown = (
        render_settings(settings)
        + repr(settings)
        + str(settings)
        + repr(settings.shotgun)
        + str(settings.kafka)
    )

    assert [word for word in WORDS if word in shown] == []
    assert "api_key: '********'" in shown
    assert "sasl.password: '********'" in shown


def test_the_log_knows_every_secret() -> None:
    assert set(WORDS) <= Settings(**SECRETS).logging.redacted


@pytest.mark.parametrize(
    "text",
    [
        "shotgun: {api_kye: s3cret-key}",
        "shotgun: {api_key: [s3cret-key]}",
        "shotgun: {api_key: {s3cret-key: 1}}",
        "shotgun: s3cret-key",
        "kafka: {properties: sasl.password=s3cret-key}",
        "kafka: {properties: {sasl.password: [s3cret-key]}}",
        "logging: {email: 'smtp://u:s3cret-key@host'}",
        "shotgun: {url: 'me:s3cret-key@host'}",
        "shotgun: {http_proxy: 'me:s3cret-key@host:x'}",
        "shotgun: {api_key: 's3cret-key\n",
    ],
)
def test_no_refusal_shows_a_secret(load: Load, text: str) -> None:
    assert "s3cret-key" not in refusal(load, text)


def test_a_secret_can_come_from_a_file_without_its_newline(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k e y\n")
    (tmp_path / "pass").write_text("pass")

    settings = load(
        f"shotgun: {{api_key_file: {tmp_path}/key}}\n"
        f"kafka: {{properties: {{sasl.password_file: {tmp_path}/pass}}}}\n"
        f"logging: {{email: {{host: h, sender: s, recipients: r, username: u, password_file: {tmp_path}/pass}}}}"
    )

    assert settings.shotgun.api_key.get_secret_value() == "k e y"
    assert settings.kafka.properties == {"sasl.password": "pass"}
    assert settings.logging.email is not None
    assert settings.logging.email.password.get_secret_value() == "pass"


def test_a_secret_file_that_is_missing_or_empty_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")

    missing = refusal(load, f"shotgun: {{api_key_file: {tmp_path}/none}}")
    assert "shotgun.api_key_file must be a readable file that holds the secret" in missing
    assert f"{tmp_path}/none" in missing
    assert "this one is empty" in refusal(load, f"shotgun: {{api_key_file: {tmp_path}/empty}}")
    assert "for sasl.password_file a readable file" in refusal(
        load, f"kafka: {{properties: {{sasl.password_file: {tmp_path}/none}}}}"
    )


def test_a_secret_and_its_file_together_are_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("other")

    message = refusal(load, f"shotgun: {{api_key: one, api_key_file: {tmp_path}/key}}")

    assert "either api_key or api_key_file, not both" in message


def test_a_secret_from_the_environment_replaces_the_files_secret_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file")
    text = f"shotgun: {{api_key_file: {tmp_path}/key}}"

    settings = load(text, {}, {"SHOTGUN_STREAM_SHOTGUN__API_KEY": "from-env"})

    assert settings.shotgun.api_key.get_secret_value() == "from-env"
    back = load("shotgun: {api_key: plain}", {}, {"SHOTGUN_STREAM_SHOTGUN__API_KEY_FILE": f"{tmp_path}/key"})
    assert back.shotgun.api_key.get_secret_value() == "from-file"


# --- librdkafka properties


def test_properties_may_be_numbers_and_booleans(load: Load) -> None:
    kafka = load("kafka: {properties: {socket.keepalive.enable: true, linger.ms: 5, client.id: a}}").kafka

    assert kafka.properties == {"socket.keepalive.enable": "true", "linger.ms": "5", "client.id": "a"}


@pytest.mark.parametrize("section", ["properties", "producer_properties", "consumer_properties"])
@pytest.mark.parametrize(
    "name",
    [
        "group.id",
        "group.instance.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "isolation.level",
        "transactional.id",
        "enable.idempotence",
        "acks",
        "bootstrap.servers",
    ],
)
def test_a_property_on_which_a_promise_rests_is_refused_with_the_reason(
    load: Load, section: str, name: str
) -> None:
    message = refusal(load, f"kafka: {{{section}: {{{name}: x}}}}")

    shown = name if "." not in name else f'["{name}"]'
    assert f"kafka.{section}" in message
    assert f"{shown} is refused: " in message


def test_properties_can_be_set_one_by_one(load: Load) -> None:
    environ = {"SHOTGUN_STREAM_KAFKA__PROPERTIES__SASL_PASSWORD": "from-env"}

    kafka = load(
        "kafka: {properties: {security.protocol: SASL_SSL}}",
        {"kafka.properties.sasl.username": "me"},
        environ,
    ).kafka

    assert kafka.properties == {
        "security.protocol": "SASL_SSL",
        "sasl.password": "from-env",
        "sasl.username": "me",
    }
