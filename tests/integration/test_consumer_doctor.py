"""`doctor` looks at plugins, site and Kafka, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from consumer_support import EventStream, Team
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.topics import DEAD_LETTERS_SETTINGS

pytestmark = pytest.mark.kafka

# Whoever connects is User:ANONYMOUS, and may use what no rule names. A rule for somebody else takes that away.
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}


@pytest.fixture(scope="module")
def strict(kafka_installation: None) -> Iterator[Kafka]:
    with Broker(properties=AUTHORIZER) as broker:
        yield Kafka(broker)


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=5)) as site:
        yield site


@pytest.fixture
def team(tmp_path: Path, strict: Kafka, spawn: Callable[..., Process]) -> Team:
    team = Team(tmp_path, EventStream(strict), spawn)
    team.note_taker("notify", {"Shotgun_Task_Change": None})
    return team


def doctor(
    team: Team, site: SandboxSite, code: int, consumer: Mapping[str, Any] | None = None, **keys: str
) -> dict[str, dict[str, str]]:
    given = {"url": site.url, "script_name": site.script_name, "api_key": site.api_key, **keys}
    options = [word for key, value in given.items() for word in ("--set", f"shotgun.{key}={value}")]
    done = team.command("doctor", "--json", *options, **(consumer or {}))
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return {check["subject"]: check for check in json.loads(done.stdout)}


def take_away(kafka: Kafka, kind: ResourceType, name: str) -> None:
    binding = AclBinding(
        kind,
        name,
        ResourcePatternType.LITERAL,
        "User:somebody-else",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    (created,) = kafka.admin.create_acls([binding]).values()
    created.result(PATIENCE)


def test_with_everything_in_order_it_says_so_and_exits_with_0(team: Team, site: SandboxSite) -> None:
    found = doctor(team, site, 0)
    for subject in ("plugins", "site", "clock", "kafka", "version", "positions", "rights on groups"):
        assert found[subject]["state"] == "ok", found[subject]
    assert found[f"topic {team.stream.topic}"]["state"] == "ok"
    # The control topic is not there yet, which is no problem: whoever comes first makes it
    control = found[f"topic {team.stream.control_topic}"]
    assert control["state"] == "warning"
    assert "whichever starts first" in control["advice"]
    # Nor that of the dead letters, which no callback needs
    letters = found[f"topic {team.stream.dead_letter_topic}.{team.name}"]
    assert letters["state"] == "warning"
    assert "when a callback first asks for a dead letter" in letters["advice"]


def test_the_dead_letter_topic_is_looked_at_as_a_callback_needs_it(
    team: Team, site: SandboxSite, strict: Kafka
) -> None:
    needs = {"plugins": {"notify": {"on_failure": "dead_letter"}}}
    name = f"{team.stream.dead_letter_topic}.{team.name}"
    # Given that it is not there, but can be made
    found = doctor(team, site, 0, consumer=needs)[f"topic {name}"]
    assert found["state"] == "warning"
    assert "`shotgun-consumer run` makes it at its start" in found["advice"]
    # And that it is there with settings that would lose letters
    new = NewTopic(name, 1, 1, config={**DEAD_LETTERS_SETTINGS, "cleanup.policy": "delete"})
    strict.admin.create_topics([new])[name].result(PATIENCE)
    found = wait_until(
        lambda: (
            (check := doctor(team, site, 4, consumer=needs)[f"topic {name}"])["state"] == "problem" and check
        ),
        message="the topic is there",
    )
    assert "cleanup.policy=compact" in found["advice"]
    # And that this user may not write to it
    take_away(strict, ResourceType.TOPIC, name)
    rights = f"rights on topic {name}"
    found = wait_until(
        lambda: (
            (checks := doctor(team, site, 4, consumer=needs)).get(rights, {}).get("state") == "problem"
            and checks[rights]
        ),
        message="the rule has arrived",
    )
    assert f"--topic {name}" in found["advice"]


def test_a_missing_events_topic_is_the_producers_to_make(
    team: Team, site: SandboxSite, strict: Kafka
) -> None:
    team.stream.topic = strict.topic("not-made")
    found = doctor(team, site, 0)[f"topic {team.stream.topic}"]
    assert found["state"] == "warning"
    assert "shotgun-producer run" in found["advice"]


def test_a_right_that_is_lacking_is_named_with_what_grants_it(
    team: Team, site: SandboxSite, strict: Kafka
) -> None:
    take_away(strict, ResourceType.TOPIC, team.stream.topic)
    take_away(strict, ResourceType.GROUP, team.group("notify"))
    topic, group = f"rights on topic {team.stream.topic}", f"rights on group {team.group('notify')}"
    found = wait_until(
        lambda: (checks := doctor(team, site, 4)) and group in checks and topic in checks and checks,
        message="the rules have arrived",
    )
    assert f"--operation Read --topic {team.stream.topic}" in found[topic]["advice"]
    assert f"--operation Read --group {team.group('notify')}" in found[group]["advice"]


def test_the_exit_code_tells_where_the_worst_is(team: Team, site: SandboxSite) -> None:
    found = doctor(team, site, 3, api_key="wrong")
    assert found["site"]["state"] == "problem"
    team.plugin("broken", "import nowhere_to_be_found\ndef registerCallbacks(reg): pass\n")
    found = doctor(team, site, 2, api_key="wrong")
    assert "nowhere_to_be_found" in found["plugin broken"]["found"]
    # And what can be started is still told
    assert found["plugins"]["state"] == "ok"
