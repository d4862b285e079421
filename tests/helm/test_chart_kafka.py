"""What the chart says of Kafka is what the services say: topics, rights, groups and logins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from configuration_checks import settings_of
from manifests import Object, Pod, of_kind, pods, title
from rendering import CASES, case, kept_template, rendered, with_values

from shotgun_consumer.commands.view import team_prefix
from shotgun_producer.rights import group_rights, topic_rights, transaction_right
from shotgun_runtime.kafka import READER_GROUP
from shotgun_runtime.kafka_rights import Right
from shotgun_runtime.secret import is_secret_property
from shotgun_runtime.settings import Settings
from shotgun_runtime.stream_topics import control_topic, dead_letter_topic, stream_topics

STRIMZI = ["strimzi-values.yaml", "strimzi-tls-values.yaml"]
_KINDS = {"transactional-id": "transactionalId"}


def _services(objects: list[Object], command: str) -> Iterator[tuple[Pod, Settings]]:
    for pod in pods(objects):
        if pod.owner["kind"] == "Deployment" and pod.labels["app.kubernetes.io/component"] == command:
            yield pod, settings_of(objects, pod)


def test_topics_are_made_as_the_services_would_make_them() -> None:
    objects = rendered("4", case(STRIMZI[0]))
    wanted = {}
    for _, settings in _services(objects, "producer"):
        wanted |= {spec.name: spec for spec in stream_topics(settings.stream)}
    for _, settings in _services(objects, "consumer"):
        spec = dead_letter_topic(settings.stream, settings.consumer.team)
        wanted[spec.name] = spec

    made = {found["spec"]["topicName"]: found["spec"] for found in of_kind(objects, "KafkaTopic")}

    assert set(made) == set(wanted)
    for name, spec in wanted.items():
        assert made[name]["partitions"] == spec.partitions
        assert made[name]["config"] == dict(spec.settings)


@pytest.mark.parametrize("file", STRIMZI)
def test_the_producer_is_granted_what_its_doctor_asks_for(file: str) -> None:
    objects = rendered("4", case(file))
    for pod, settings in _services(objects, "producer"):
        needed = [*topic_rights(settings), *group_rights(settings), transaction_right(settings)]

        assert _refused(_user(objects, pod), needed) == []


@pytest.mark.parametrize("file", STRIMZI)
def test_consumers_are_granted_what_they_need_and_cannot_write_events(file: str) -> None:
    objects = rendered("4", case(file))
    for pod, settings in _services(objects, "consumer"):
        stream, user = settings.stream, _user(objects, pod)
        needed = [
            Right("topic", stream.topic, ("Read",)),
            Right("topic", control_topic(stream).name, ("Read", "Write")),
            Right("topic", dead_letter_topic(stream, settings.consumer.team).name, ("Read", "Write")),
            Right("group", f"{team_prefix(settings)}any_plugin", ("Read",)),
            Right("group", READER_GROUP, ("Describe",)),
        ]
        others = [
            Right("topic", stream.topic, ("Write",)),
            Right("topic", stream.checkpoint_topic, ("Write",)),
            Right("topic", dead_letter_topic(stream, "another").name, ("Read",)),
            Right("group", f"{settings.consumer.group_prefix}another.plugin", ("Read",)),
            Right("group", f"{settings.consumer.group_prefix}{settings.consumer.team}2.plugin", ("Read",)),
        ]

        assert _refused(user, needed) == []
        assert len(_refused(user, others)) == len(others)


def _user(objects: list[Object], pod: Pod) -> Object:
    """The KafkaUser of a pod's team, or of the producer."""
    labels = ("app.kubernetes.io/component", "shotgun-stream/team")
    (user,) = (
        found
        for found in of_kind(objects, "KafkaUser")
        if all(found["metadata"]["labels"].get(label) == pod.labels.get(label) for label in labels)
    )
    return user


def _refused(user: Object, rights: list[Right]) -> list[Right]:
    return [right for right in rights if not _grants(user, right)]


def _grants(user: Object, right: Right) -> bool:
    granted: set[str] = set()
    for acl in user["spec"]["authorization"]["acls"]:
        resource = acl["resource"]
        same = right.name == resource["name"]
        if resource.get("patternType") == "prefix":
            same = right.name.startswith(resource["name"])
        if (
            resource["type"] == _KINDS.get(right.kind, right.kind)
            and same
            and acl.get("type", "allow") == "allow"
        ):
            granted |= set(acl["operations"])
    return "All" in granted or set(right.operations) <= granted


def test_keda_looks_at_the_groups_of_the_team_and_at_no_more_than_could_work() -> None:
    for file in CASES:
        if kept_template("4", case(file)).code != 0:
            continue  # told by the tests of rendering
        objects = rendered("4", case(file))
        targets = {
            pod.owner["metadata"]["name"]: settings for pod, settings in _services(objects, "consumer")
        }
        for found in of_kind(objects, "ScaledObject"):
            settings = targets[found["spec"]["scaleTargetRef"]["name"]]
            triggers = [one for one in found["spec"]["triggers"] if one["type"] == "kafka"]
            assert triggers, title(found)
            for trigger in triggers:
                assert trigger["metadata"]["consumerGroup"].startswith(team_prefix(settings))
                assert trigger["metadata"]["topic"] == settings.stream.topic
                _same_login(settings, trigger["metadata"], "authenticationRef" in trigger)
            assert found["spec"]["maxReplicaCount"] <= settings.stream.partitions * len(triggers)


def _same_login(settings: Settings, metadata: dict[str, str], has_reference: bool) -> None:
    protocol = settings.kafka.properties.get("security.protocol", "plaintext").lower()
    assert (metadata.get("sasl", "none") != "none") == protocol.startswith("sasl")
    assert (metadata.get("tls", "disable") == "enable") == protocol.endswith("ssl")
    assert has_reference == (protocol != "plaintext")


def test_keda_finds_the_name_it_logs_in_with_in_the_service_that_it_scales() -> None:
    objects = rendered("4", case("keda-values.yaml"))
    environments = {
        pod.owner["metadata"]["name"]: {
            entry["name"] for one in pod.containers for entry in one.get("env") or []
        }
        for pod in pods(objects)
    }
    logins = {found["metadata"]["name"]: found["spec"] for found in of_kind(objects, "TriggerAuthentication")}
    scaled = list(of_kind(objects, "ScaledObject"))

    assert logins
    for found in scaled:
        for trigger in found["spec"]["triggers"]:
            login = logins.get((trigger.get("authenticationRef") or {}).get("name"), {})
            names = {entry["name"] for entry in login.get("env") or []}
            assert names <= environments[found["spec"]["scaleTargetRef"]["name"]]


@pytest.mark.parametrize("section", ["PROPERTIES", "PRODUCER_PROPERTIES", "CONSUMER_PROPERTIES"])
def test_what_the_services_call_a_secret_is_one_in_variables_too(section: str) -> None:
    names = ["ssl.key.pem", "sasl.oauthbearer.config", "sasl.password", "ssl.keystore.password", "client.id"]
    variables = {f"SHOTGUN_STREAM_KAFKA__{section}__{name.upper().replace('.', '_')}": name for name in names}

    for variable, name in variables.items():
        values = {"producer": {"extraEnv": [{"name": variable, "value": "given"}]}}
        said = with_values("4", values, case("minimal-values.yaml"))

        assert (variable in said.err) is is_secret_property(name), said.err
