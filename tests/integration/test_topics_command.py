"""`shotgun-producer topics`: for clusters where the services may not make their topics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]
from support import Kafka, Process

from shotgun_runtime.kafka import admin
from shotgun_runtime.settings import Settings
from shotgun_schemas.topics import DEAD_LETTERS_SETTINGS, EVENTS_SETTINGS

pytestmark = pytest.mark.kafka

Command = Callable[..., Process]


@pytest.fixture
def stream(kafka: Kafka) -> dict[str, str]:
    events = kafka.topic("made")
    return {
        "topic": events,
        "checkpoint_topic": f"{events}.checkpoint",
        "control_topic": f"{events}.control",
        "dead_letter_topic": f"{events}.dead-letters",
    }


@pytest.fixture
def command(spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, stream: dict[str, str]) -> Command:
    config = tmp_path / "stream.yaml"
    config.write_text(
        yaml.safe_dump({"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "stream": stream})
    )

    def run(*words: str, code: int = 0) -> Process:
        process = spawn(["shotgun-producer", "topics", *words, "--config", str(config)])
        assert process.wait() == code, process.describe()
        return process

    return run


def names(client: AdminClient) -> set[str]:
    return set(client.list_topics(timeout=15).topics)


def settings_of(client: AdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    return {
        key: entry.value for key, entry in client.describe_configs([resource])[resource].result(30).items()
    }


def test_topics_are_made_as_the_services_want_them_and_once(
    command: Command, kafka: Kafka, stream: dict[str, str]
) -> None:
    client = admin(Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}))
    letters = f"{stream['dead_letter_topic']}.anim"

    # When they are asked for, then Kafka has them with their settings
    found = json.loads(command("--create", "--team", "anim", "--json").stdout)

    wanted = [stream["topic"], stream["checkpoint_topic"], stream["control_topic"], letters]
    assert [topic["name"] for topic in found] == wanted
    assert set(wanted) <= names(client)
    for name, settings in ((stream["topic"], EVENTS_SETTINGS), (letters, DEAD_LETTERS_SETTINGS)):
        assert settings_of(client, name).items() >= settings.items()

    # And asking again is no error and makes nothing
    again = command("--create", "--team", "anim")
    assert again.stdout.splitlines() == [f"{name} is there" for name in wanted]
    assert "Created" not in again.stderr


def test_a_teams_own_release_makes_its_topic_alone(
    command: Command, kafka: Kafka, stream: dict[str, str]
) -> None:
    client = admin(Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}))

    command("--create", "--only-teams", "--team", "fx")

    assert {name for name in names(client) if name.startswith(stream["topic"])} == {
        f"{stream['dead_letter_topic']}.fx"
    }


def test_a_topic_that_would_break_a_promise_is_refused(command: Command, kafka: Kafka) -> None:
    name = kafka.create_topic("control", cleanup_policy="delete")

    refused = command("--create", "--set", f"stream.control_topic={name}", code=4)

    assert f"topic {name}: cleanup.policy is delete" in refused.stderr
    assert "Traceback" not in refused.stderr
