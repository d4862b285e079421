"""A Kafka that checks rights: what the doctor says of them, and a producer from which one is kept or taken."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from producer_kit import Bench
from support import Kafka, Process, wait_until

from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka

# Whoever connects is User:ANONYMOUS, and may use what no rule names. A rule for somebody else takes that away.
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
US, SOMEBODY_ELSE = "User:ANONYMOUS", "User:somebody-else"
OPTIONS = {
    "--topic": ResourceType.TOPIC,
    "--group": ResourceType.GROUP,
    "--transactional-id": ResourceType.TRANSACTIONAL_ID,
}


@pytest.fixture(scope="module")
def strict(kafka_installation: None) -> Iterator[Kafka]:
    with Broker(properties=AUTHORIZER) as broker:
        yield Kafka(broker)


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=40, writers=1, id_block=1)) as site:
        yield site


@pytest.fixture
def bench(spawn: Callable[..., Process], tmp_path: Path, strict: Kafka, site: SandboxSite) -> Iterator[Bench]:
    yield Bench(spawn, tmp_path, strict, site)
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]
        ResourcePatternType.ANY,
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    (deleted,) = strict.admin.delete_acls([everything]).values()
    deleted.result(30)


def rule(
    kafka: Kafka, kind: ResourceType, name: str, operation: AclOperation, who: str, *, deny: bool = False
) -> None:
    permission = AclPermissionType.DENY if deny else AclPermissionType.ALLOW
    binding = AclBinding(kind, name, ResourcePatternType.LITERAL, who, "*", operation, permission)
    (created,) = kafka.admin.create_acls([binding]).values()
    created.result(30)


def take_away(kafka: Kafka, kind: ResourceType, name: str) -> None:
    """All rights on a thing: only somebody else has one there."""
    rule(kafka, kind, name, AclOperation.READ, SOMEBODY_ELSE)


def take(command: str, kafka: Kafka) -> None:
    """Does what the kafka-acls.sh command says."""
    words = shlex.split(command)
    assert words[:4] == ["kafka-acls.sh", "--bootstrap-server", "HOST:PORT", "--add"]
    pairs = list(zip(words[4::2], words[5::2], strict=True))
    given = dict(pairs)
    ((kind, name),) = [(OPTIONS[option], value) for option, value in pairs if option in OPTIONS]
    for operation in [value for option, value in pairs if option == "--operation"]:
        rule(kafka, kind, name, AclOperation[operation.upper()], given["--allow-principal"])


def checks_of(bench: Bench, code: int) -> dict[str, dict[str, str]]:
    process = bench.command("doctor", "--json")
    assert process.wait() == code, process.describe()
    return {check["subject"]: check for check in json.loads(process.stdout) if "rights" in check["subject"]}


def commands_in(text: str) -> list[str]:
    return re.findall(r"kafka-acls\.sh [^\n]+", text)


def test_without_any_right_each_is_named_with_what_grants_it(bench: Bench, strict: Kafka) -> None:
    # Given a user that may use none of the things that the producer needs
    name = f"shotgun-producer.{bench.topic}"
    things = [
        (ResourceType.TOPIC, bench.topic, "topic"),
        (ResourceType.TOPIC, bench.checkpoint_topic, "topic"),
        (ResourceType.TOPIC, f"{bench.topic}.control", "topic"),
        (ResourceType.GROUP, name, "group"),
        (ResourceType.GROUP, "shotgun-stream.reader", "group"),
        (ResourceType.TRANSACTIONAL_ID, name, "transactional id"),
    ]
    for kind, thing, _ in things:
        take_away(strict, kind, thing)

    # When the doctor looks, then each is a problem of its own
    found = wait_until(lambda: all_problems(checks_of(bench, code=1)), message="the rules have arrived")
    assert set(found) == {f"rights on {kind} {thing}" for _, thing, kind in things}

    # And a start ends at once and names them
    process = bench.command("run")
    assert process.wait() == 4, process.describe()
    assert "Traceback" not in process.stderr + process.stdout
    for kind, thing, word in things:
        assert kind == ResourceType.TRANSACTIONAL_ID or f"on the {word} {thing}" in process.stderr

    # And once the doctor's commands were run, the producer starts
    commands = [command for check in found.values() for command in commands_in(check["advice"])]
    for command in commands:
        take(command, strict)
    assert set(commands_in(process.stderr)) < set(commands)
    bench.start()
    bench.wait_for_all()
    assert {check["state"] for check in checks_of(bench, code=0).values()} == {"ok"}


def all_problems(found: dict[str, dict[str, str]]) -> dict[str, dict[str, str]] | None:
    return found if {check["state"] for check in found.values()} == {"problem"} else None


def test_a_user_that_may_not_see_rules_is_told_what_cannot_be_told(bench: Bench, strict: Kafka) -> None:
    cluster = (ResourceType.BROKER, "kafka-cluster")
    rule(strict, *cluster, AclOperation.ALL, "User:*")
    rule(strict, *cluster, AclOperation.DESCRIBE, US, deny=True)
    subject = f"rights on transactional id shotgun-producer.{bench.topic}"

    def warned() -> dict[str, str] | None:
        check = checks_of(bench, code=0)[subject]
        return check if "Describe on the cluster" in check["found"] else None

    found = wait_until(warned, message="the rules have arrived")
    assert found["state"] == "warning"
    assert f"--transactional-id shotgun-producer.{bench.topic}" in found["advice"]


def test_a_topic_that_is_missing_and_may_not_be_made_is_a_problem(bench: Bench, strict: Kafka) -> None:
    cluster = (ResourceType.BROKER, "kafka-cluster")
    rule(strict, *cluster, AclOperation.ALL, "User:*")
    rule(strict, *cluster, AclOperation.CREATE, US, deny=True)
    rule(strict, ResourceType.TOPIC, bench.topic, AclOperation.READ, US)
    rule(strict, ResourceType.TOPIC, bench.topic, AclOperation.WRITE, US)

    def refused() -> str | None:
        process = bench.command("doctor")
        return process.stdout if process.wait() == 1 else None

    text = wait_until(refused, message="the rules have arrived")
    assert f"problem  topic {bench.topic}: does not exist, and this user could not make it" in text
    assert f"--create --topic {bench.topic}" in text


def test_a_transactional_id_that_is_denied_ends_the_start(bench: Bench, strict: Kafka) -> None:
    take_away(strict, ResourceType.TRANSACTIONAL_ID, f"shotgun-producer.{bench.topic}")
    process = bench.command("run")
    assert process.wait() == 4, process.describe()
    assert "this user may not use the transactional id" in process.stderr
    assert "shotgun-producer doctor" in process.stderr


def test_the_doctor_names_the_one_operation_that_is_denied(bench: Bench, strict: Kafka) -> None:
    bench.start().wait_active()
    rule(strict, ResourceType.TOPIC, bench.topic, AclOperation.READ, US)
    subject = f"rights on topic {bench.topic}"

    found = wait_until(lambda: checks_of(bench, code=1), message="the rule has arrived")[subject]

    assert (found["state"], found["found"]) == ("problem", "this user lacks Write")
    assert "--operation Write" in found["advice"]
    assert "Read" not in found["advice"]


@pytest.mark.parametrize("thing", ["write", "election", "transactions"])
def test_a_right_that_is_taken_away_later_is_an_alarm_and_nothing_is_lost(
    bench: Bench, strict: Kafka, thing: str
) -> None:
    # Given a producer at work
    producer = bench.start()
    bench.wait_for_all()
    name = f"shotgun-producer.{bench.topic}"
    kind, denied, operation = {
        "write": (ResourceType.TOPIC, bench.topic, AclOperation.WRITE),
        "election": (ResourceType.GROUP, name, AclOperation.READ),
        "transactions": (ResourceType.TRANSACTIONAL_ID, name, AclOperation.WRITE),
    }[thing]

    # When it is denied what it needs while events come in
    rule(strict, kind, denied, operation, US, deny=True)
    bench.site.admin.start_generator(rate=20)
    producer.process.wait_for_line("Nothing is published until that is mended")
    assert producer.readiness() != "ready"

    # Then it goes on once it is allowed again, by itself, and nothing is lost or doubled
    bench.site.admin.stop_generator()
    withdraw(strict, kind, denied)
    bench.wait_for_all()
    wait_until(lambda: producer.readiness() == "ready")
    assert producer.process.terminate() == 0


def withdraw(kafka: Kafka, kind: ResourceType, name: str) -> None:
    rules = AclBindingFilter(
        kind,
        name,
        ResourcePatternType.LITERAL,
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    (deleted,) = kafka.admin.delete_acls([rules]).values()
    assert deleted.result(30)
