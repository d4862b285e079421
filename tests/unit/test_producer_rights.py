"""What the producer's Kafka user needs, by name, and what is made of the brokers' rules."""

from __future__ import annotations

import pytest

from shotgun_producer.rights import group_rights, principal_of, topic_rights, transaction_right
from shotgun_runtime.doctor_checks import (
    hidden_right,
    judge_right,
    judge_rules,
    missing_topic,
    unchecked_right,
)
from shotgun_runtime.kafka_rights import Acl, Right, grant_command, judge_acls
from shotgun_runtime.settings import KafkaSettings, Settings
from shotgun_runtime.topics import TopicSpec

TOPIC = Right("topic", "shotgun.events", ("Read", "Write"))
PUBLISH = Right("transactional-id", "shotgun-producer.shotgun.events", ("Write",))
ALICE, BOB = "User:alice", "User:bob"


def test_the_rights_bear_the_names_of_the_configuration() -> None:
    settings = Settings.model_validate(
        {"stream": {"topic": "e", "checkpoint_topic": "c", "control_topic": "k"}}
    )
    assert [right.name for right in topic_rights(settings)] == ["e", "c", "k"]
    assert [right.name for right in group_rights(settings)] == ["shotgun-producer.e", "shotgun-stream.reader"]
    assert str(transaction_right(settings)) == "transactional id shotgun-producer.e"


@pytest.mark.parametrize(
    ("properties", "principal"),
    [
        ({}, "User:ANONYMOUS"),
        ({"security.protocol": "SASL_SSL", "sasl.username": "alice"}, ALICE),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanisms": "GSSAPI"}, None),
        ({"security.protocol": "ssl"}, None),
    ],
)
def test_the_user_is_named_as_the_brokers_name_it(properties: dict[str, str], principal: str | None) -> None:
    kafka = KafkaSettings.model_validate({"bootstrap_servers": "k:9092", "properties": properties})
    assert principal_of(kafka) == principal


def test_a_command_grants_all_that_is_lacking() -> None:
    assert grant_command(TOPIC, ("Read", "Write"), ALICE) == (
        "kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal User:alice "
        "--operation Read --operation Write --topic shotgun.events"
    )
    assert grant_command(Right("cluster", "", ("DescribeConfigs",)), ("DescribeConfigs",), None).endswith(
        "--allow-principal User:NAME --operation DescribeConfigs --cluster"
    )


def test_a_lacking_operation_is_a_problem_with_the_command_for_it_alone() -> None:
    check = judge_right(TOPIC, {"Read", "Describe"}, ALICE)
    assert (check.state, check.found) == ("problem", "this user lacks Write")
    assert check.advice.endswith("--operation Write --topic shotgun.events")
    assert judge_right(TOPIC, {"Read", "Write", "Describe"}, ALICE).state == "ok"
    assert judge_right(TOPIC, None, ALICE).state == "warning"


@pytest.mark.parametrize(
    ("acls", "granted"),
    [
        ([Acl(ALICE, "Write", "allow")], True),
        ([Acl(ALICE, "All", "allow")], True),
        ([Acl("User:*", "Write", "allow")], True),
        ([Acl(ALICE, "Describe", "allow")], False),
        ([Acl(BOB, "Write", "allow")], False),
        ([Acl(ALICE, "Write", "allow"), Acl("User:*", "Write", "deny")], False),
        ([Acl(ALICE, "Write", "allow"), Acl(BOB, "All", "deny")], True),
    ],
)
def test_rules_are_read_as_the_brokers_read_them(acls: list[Acl], granted: bool) -> None:
    verdict = judge_acls(acls, PUBLISH, ALICE, open_to_all=True)
    assert (verdict.granted, verdict.is_sure) == (granted, True)


def test_without_a_rule_only_some_may_and_that_is_said() -> None:
    assert judge_rules(PUBLISH, [], ALICE, open_to_all=False).state == "problem"
    open_check = judge_rules(PUBLISH, [], ALICE, open_to_all=True)
    assert (open_check.state, "--transactional-id" in open_check.advice) == ("warning", True)


def test_a_user_whose_name_only_the_brokers_know_is_no_problem() -> None:
    check = judge_rules(PUBLISH, [Acl("User:CN=x", "Write", "allow")], None, open_to_all=False)
    assert check.state == "warning"
    assert "--allow-principal User:NAME" in check.advice


def test_what_cannot_be_looked_up_is_a_warning_and_what_is_not_checked_is_well() -> None:
    assert (hidden_right(PUBLISH, ALICE).state, unchecked_right(PUBLISH).state) == ("warning", "ok")


def test_a_topic_that_may_not_be_made_comes_with_what_makes_it() -> None:
    check = missing_topic(TopicSpec("shotgun.events", 1, {}), None, "you may not")
    assert (check.state, "you may not" in check.found) == ("problem", True)
    assert "kafka-topics.sh" in check.advice
