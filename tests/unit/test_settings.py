"""The configuration: where values come from, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import (
    Settings,
    load_settings,
    require_consumer,
    require_producer,
)

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


# --- where values come from


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(load: Load) -> None:
    text = "stream: {topic: file, checkpoint_topic: file, control_topic: file}"
    environ = {"SHOTGUN_STREAM_STREAM__TOPIC": "env", "SHOTGUN_STREAM_STREAM__CHECKPOINT_TOPIC": "env"}

    stream = load(text, {"stream.topic": "option"}, environ).stream

    assert stream.topic == "option"
    assert stream.checkpoint_topic == "env"
    assert stream.control_topic == "file"
    assert stream.dead_letter_topic == "shotgun.events.dead-letters"


def test_without_a_file_and_environment_the_defaults_hold() -> None:
    settings = load_settings(None, {}, {"PATH": "/bin", "SHOTGUN": "x"})

    assert settings.producer.poll_interval == 1.0
    assert settings.consumer.max_uncommitted == 50
    assert settings.stream.partitions == 1
    assert settings.http.port is None
    assert settings.shutdown_timeout == 30.0


def test_settings_made_in_code_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOTGUN_STREAM_STREAM__TOPIC", "elsewhere")

    assert Settings().stream.topic == "shotgun.events"


def test_empty_sections_mean_defaults(load: Load) -> None:
    assert load("kafka:\nstream:\n").stream.topic == "shotgun.events"


@pytest.mark.parametrize("text", ["a, b", "[a, b]", '["a", "b"]'])
def test_lists_in_the_environment_may_be_written_with_commas_or_as_yaml(load: Load, text: str) -> None:
    assert load("", {}, {"SHOTGUN_STREAM_CONSUMER__ONLY": text}).consumer.only == ["a", "b"]


def test_mappings_in_the_environment_are_merged_into_those_of_the_file(load: Load) -> None:
    text = "consumer: {plugins: {notify: {concurrency: 2, max_attempts: 7}}}"
    environ = {"SHOTGUN_STREAM_CONSUMER__PLUGINS": '{"notify": {"concurrency": 4}}'}

    plugin = load(text, {}, environ).consumer.plugins["notify"]

    assert (plugin.concurrency, plugin.max_attempts) == (4, 7)


def test_one_key_of_a_plugin_pattern_can_be_set_on_the_command_line(load: Load) -> None:
    settings = load("", {"consumer.plugins.notify_*.on_failure": "skip"})

    assert settings.consumer.plugins["notify_*"].on_failure == "skip"


def test_nested_sections_can_be_set_key_by_key(load: Load) -> None:
    environ = {
        "SHOTGUN_STREAM_LOGGING__EMAIL__HOST": "mail",
        "SHOTGUN_STREAM_LOGGING__EMAIL__SENDER": "a@studio",
        "SHOTGUN_STREAM_LOGGING__EMAIL__RECIPIENTS": "b@studio, c@studio",
    }

    email = load("", {}, environ).logging.email

    assert email is not None
    assert email.recipients == ["b@studio", "c@studio"]


def test_a_services_kubernetes_variables_are_not_taken_for_keys(load: Load) -> None:
    environ = {
        "SHOTGUN_STREAM_PRODUCER_SERVICE_HOST": "10.0.0.1",
        "SHOTGUN_STREAM_PRODUCER_SERVICE_PORT_HTTP": "9464",
        "SHOTGUN_STREAM_PRODUCER_PORT": "tcp://10.0.0.1:9464",
        "SHOTGUN_STREAM_PRODUCER_PORT_9464_TCP_ADDR": "10.0.0.1",
    }

    assert load("", {}, environ) == Settings()


# --- what is refused


def test_all_problems_are_told_together(load: Load) -> None:
    text = "shotgun: {ulr: x}\nhttp: {port: 99999}\nproducer: {poll_interval: soon}"

    message = refusal(load, text, {"stream.topik": "x"}, {"SHOTGUN_STREAM_KAFKA__BOOTSTRAP": "x"})

    assert message.startswith("5 problems")
    for key in ("shotgun.ulr", "http.port", "producer.poll_interval", "stream.topik", "kafka.bootstrap"):
        assert key in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shotgun: {ulr: x}", "did you mean shotgun.url?"),
        ("shotgn: {url: x}", "did you mean shotgun?"),
        ("consumer: {plugins: {a*: {concurency: 2}}}", "did you mean consumer.plugins.a*.concurrency?"),
        ("logging: {email: {hots: x, sender: a, recipients: b}}", "did you mean logging.email.host?"),
        ("http: {zzz: 1}", "http has: host, port"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_right_name_and_its_file(
    load: Load, text: str, told: str
) -> None:
    message = refusal(load, text)

    assert told in message
    assert "stream.yaml" in message


def test_an_unknown_variable_comes_with_the_nearest_right_name(load: Load) -> None:
    message = refusal(load, "", {}, {"SHOTGUN_STREAM_HTTP__PROT": "1"})

    assert "SHOTGUN_STREAM_HTTP__PROT names no key (http.prot); did you mean http.port?" in message


def test_one_underscore_in_place_of_two_is_told(load: Load) -> None:
    assert "SHOTGUN_STREAM_HTTP_PORT names no key" in refusal(
        load, "", {}, {"SHOTGUN_STREAM_HTTP_PORT": "80"}
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http: {port: http}", "http.port must be a whole number, got 'http'"),
        ("http: {port: 70000}", "http.port must be 65535 or less, got '70000'"),
        ("shotgun: {url: studio}", "shotgun.url must be an address such as https://"),
        ("shotgun: {url: 'https://x:abc'}", "shotgun.url must be an address such as https://"),
        ("shotgun: {http_proxy: 'host:port'}", "shotgun.http_proxy must be host:port"),
        ("shotgun: {ca_certs: /no/such}", "shotgun.ca_certs must be an existing file, got '/no/such'"),
        ("producer: {hold: 1 week}", "producer.hold must be a duration such as 250ms"),
        ("producer: {start: tomorrow}", "producer.start must be latest, earliest, an event id"),
        ("stream: {topic: a b}", "stream.topic must be a topic name"),
        ("consumer: {team: a/b}", "consumer.team must be letters"),
        ("consumer: {max_uncommitted: 0}", "consumer.max_uncommitted must be 1 or more, got '0'"),
        ("consumer: {plugins: {a: {api: new}}}", "consumer.plugins.a.api must be one of 'classic' or 'seed'"),
        ("logging: {level: LOUD}", "logging.level must be one of 'DEBUG'"),
        ("shotgun: 7", "shotgun must be a mapping with keys, got a number"),
        ("kafka: {properties: [1]}", "kafka.properties must be a mapping, got a list"),
    ],
)
def test_a_bad_value_is_refused_with_key_value_and_allowed_form(load: Load, text: str, told: str) -> None:
    message = refusal(load, text)

    assert told in message
    assert "(from " in message


def test_the_place_of_a_bad_value_is_named(load: Load) -> None:
    assert "from environment variable SHOTGUN_STREAM_HTTP__PORT" in refusal(
        load, "http: {port: 1}", {}, {"SHOTGUN_STREAM_HTTP__PORT": "x"}
    )
    assert "from option --set http.port" in refusal(load, "http: {port: 1}", {"http.port": "x"})


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.yaml does not exist; check --config"):
        load_settings(tmp_path / "nowhere.yaml", {}, {})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"shotgun: {url", "is no valid YAML: line 1"),
        (b"- a\n- b\n", "must hold a mapping with sections"),
        (b"just words\n", "must hold a mapping with sections"),
        (b"\xff\xfe\x00", "is no UTF-8 text"),
        (b"http: {port: 1}\nhttp: {port: 2}\n", "the key 'http' stands here twice"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "stream.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=told):
        load_settings(path, {}, {})


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path, {}, {})


def test_what_a_producer_lacks_is_told_with_how_to_set_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_producer(Settings())

    message = str(caught.value)
    assert "shotgun.url is missing; set 'shotgun: {url: ...}' in the file" in message
    assert "SHOTGUN_STREAM_SHOTGUN__API_KEY" in message
    assert "SHOTGUN_STREAM_KAFKA__BOOTSTRAP_SERVERS" in message
    assert "consumer" not in message


def test_what_a_consumer_lacks_is_told_with_how_to_set_it() -> None:
    settings = Settings(
        shotgun={"url": "http://x", "script_name": "s", "api_key": "k"}, kafka={"bootstrap_servers": "b:1"}
    )

    with pytest.raises(ConfigurationError) as caught:
        require_consumer(settings)

    assert "consumer.team is missing" in str(caught.value)
    assert "consumer.plugin_paths is missing" in str(caught.value)
    require_producer(settings)


# --- plugins


def test_a_plugin_takes_its_own_entry_before_patterns_from_top_to_bottom(load: Load) -> None:
    consumer = load(
        """
consumer:
  plugins:
    notify_*: {concurrency: 2, max_attempts: 3}
    "*": {concurrency: 9, max_attempts: 9, timeout: 1m}
    notify_chat: {concurrency: 8}
"""
    ).consumer

    plugin = consumer.plugin("notify_chat")

    assert (plugin.concurrency, plugin.max_attempts, plugin.timeout) == (8, 3, 60.0)
    assert consumer.plugin("other").concurrency == 9
