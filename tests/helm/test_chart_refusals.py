"""Values that cannot work are refused before anything is installed, with words that name the value and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from rendering import MAJORS, case, with_values

MINIMAL = case("minimal-values.yaml")

# What the schema knows: keys, types, bounds, words. Helm 3 and 4 tell it in words of their own.
BY_SCHEMA: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a key that nobody reads": ({"replicas": 2}, ["replicas", "not allowed"]),
    "a misspelt key of a team": ({"teams": {"anim": {"replicaz": 3}}}, ["anim", "replicaz", "not allowed"]),
    "a misspelt key of a worker": (
        {"teams": {"anim": {"workers": {"a": {"onyl": ["x"]}}}}},
        ["workers", "onyl", "not allowed"],
    ),
    "a worker with plugins of its own": (
        {"teams": {"anim": {"workers": {"a": {"only": ["x"], "plugins": {"paths": ["/x"]}}}}}},
        ["workers", "plugins", "not allowed"],
    ),
    "what is a worker's alone": ({"teams": {"anim": {"only": ["x"]}}}, ["anim", "only", "not allowed"]),
    "a misspelt key of the configuration": (
        {"config": {"kafka": {"bootstrap_server": "x:1"}}},
        ["kafka", "bootstrap_server", "not allowed"],
    ),
    "a section that the configuration does not have": ({"config": {"kafak": {}}}, ["kafak", "not allowed"]),
    "a misspelt key of a plugin": (
        {"teams": {"anim": {"config": {"consumer": {"plugins": {"a*": {"time_out": "5m"}}}}}}},
        ["plugins", "time_out", "not allowed"],
    ),
    "text for a number": ({"producer": {"replicas": "two"}}, ["producer", "replicas", "integer", "string"]),
    "a number below its bound": ({"config": {"stream": {"partitions": 0}}}, ["partitions", "1"]),
    "a number above its bound": (
        {"config": {"producer": {"parallel_requests": 99}}},
        ["parallel_requests", "32"],
    ),
    "no duration": ({"config": {"producer": {"poll_interval": "soon"}}}, ["poll_interval", "pattern"]),
    "no place to start": ({"config": {"producer": {"start": "yesterday"}}}, ["start", "latest|earliest"]),
    "no address": ({"config": {"shotgun": {"url": "studio.example.com"}}}, ["url", "https?://"]),
    "a word that is none of the choice": (
        {"config": {"consumer": {"reload": "often"}}},
        ["reload", "watch", "poll", "off"],
    ),
    "no topic name": ({"config": {"stream": {"topic": "shotgun events"}}}, ["topic", "pattern"]),
    "a property on which a promise rests": (
        {"config": {"kafka": {"properties": {"acks": "1"}}}},
        ["acks", "refused: an event counts as published only when all in-sync replicas have it"],
    ),
    "a property of the same kind for one team": (
        {"teams": {"anim": {"config": {"kafka": {"consumer_properties": {"group.id": "mine"}}}}}},
        ["group.id", "refused: each plugin", "its position hangs on that name"],
    ),
    "a name in capitals": ({"fullnameOverride": "Stream"}, ["fullnameOverride", "pattern"]),
    "half a digest": ({"image": {"digest": "abc"}}, ["image", "digest", "sha256:"]),
    "a variable whose value is a number": (
        {"producer": {"extraEnv": [{"name": "WORKERS", "value": 4}]}},
        ["extraEnv", "value", "string"],
    ),
    "a variable without a name": ({"producer": {"extraEnv": [{"value": "a"}]}}, ["extraEnv", "name"]),
    "a list where a mapping belongs": ({"teams": [{"name": "anim"}]}, ["teams", "object", "array"]),
    "a budget in words": (
        {"producer": {"podDisruptionBudget": {"maxUnavailable": "some"}}},
        ["maxUnavailable", "pattern"],
    ),
    "a whole part taken away": ({"image": None}, ["image"]),
    "a key of a Secret taken away": ({"credentials": {"shotgun": {"key": None}}}, ["shotgun", "key"]),
    "a team's key of a Secret taken away": (
        {"teams": {"anim": {"credentials": {"shotgun": {"key": None}}}}},
        ["anim", "key", "null"],
    ),
    "a size taken away": ({"tmpSizeLimit": None}, ["tmpSizeLimit"]),
    "a budget of nothing": (
        {"producer": {"podDisruptionBudget": {"maxUnavailable": None}}},
        ["podDisruptionBudget", "maxUnavailable"],
    ),
    "a team's budget of nothing": (
        {"teams": {"anim": {"podDisruptionBudget": {"maxUnavailable": None}}}},
        ["podDisruptionBudget", "maxUnavailable", "null"],
    ),
}

# What no schema can say. The words are the chart's own.
BY_GUARD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no site": ({"config": {"shotgun": {"url": ""}}}, ["config.shotgun.url is missing", "https://"]),
    "no script user": (
        {"config": {"shotgun": {"script_name": ""}}},
        ["config.shotgun.script_name is missing", "name of the script user"],
    ),
    "no key": (
        {"credentials": {"shotgun": {"secret": ""}}},
        ["credentials.shotgun.secret is missing", "make a Secret"],
    ),
    "no brokers": (
        {"config": {"kafka": {"bootstrap_servers": ""}}},
        ["config.kafka.bootstrap_servers is missing", "host:port"],
    ),
    "a key in plain text": (
        {"config": {"shotgun": {"api_key": "hunter2"}}},
        ["config.shotgun.api_key", "is a secret", "credentials.shotgun.secret"],
    ),
    "a password in plain text": (
        {"config": {"kafka": {"properties": {"sasl.password": "hunter2"}}}},
        ["sasl.password", "values are no place for it", "credentials.kafka"],
    ),
    "a team's password in plain text": (
        {"teams": {"anim": {"config": {"kafka": {"properties": {"ssl.key.password": "hunter2"}}}}}},
        ["ssl.key.password", "teams.anim", "values are no place for it"],
    ),
    "a mail password in plain text": (
        {
            "config": {
                "logging": {
                    "email": {"host": "mail", "sender": "a@b", "recipients": ["c@d"], "password": "hunter2"}
                }
            }
        },
        ["config.logging.email.password", "credentials.mail.secret"],
    ),
    "a proxy with a login": (
        {"config": {"shotgun": {"http_proxy": "stream:hunter2@proxy:3128"}}},
        ["config.shotgun.http_proxy", "holds a login", "credentials.proxy.secret"],
    ),
    "a team's proxy with a login": (
        {"teams": {"anim": {"config": {"shotgun": {"http_proxy": "http://s:hunter2/@proxy:3128"}}}}},
        ["config.shotgun.http_proxy", "teams.anim", "credentials.proxy.secret"],
    ),
    "a site with a login": (
        {"config": {"shotgun": {"url": "https://stream:hunter2@studio.example.com"}}},
        ["config.shotgun.url", "holds a login", "SHOTGUN_STREAM_SHOTGUN__URL", "secretKeyRef"],
    ),
    "a login in an address that librdkafka is given": (
        {
            "config": {
                "kafka": {
                    "properties": {"sasl.oauthbearer.token.endpoint.url": "https://a:hunter2@auth/token"}
                }
            }
        },
        ["sasl.oauthbearer.token.endpoint.url", "values are no place for it"],
    ),
    "a repository with a login": (
        {"teams": {"anim": {"plugins": {"gitSync": {"repo": "https://a:hunter2@git.lan/plugins.git"}}}}},
        ["teams.anim.plugins.gitSync.repo", "holds a login", "gitSync.httpsSecret"],
    ),
    **{
        f"the variable {name} in plain text": (
            {"teams": {"anim": {"extraEnv": [{"name": name, "value": "a@hunter2"}]}}},
            ["teams.anim.extraEnv", name, "valueFrom: {secretKeyRef:"],
        )
        for name in (
            "SHOTGUN_STREAM_SHOTGUN__API_KEY",
            "SHOTGUN_STREAM_SHOTGUN__HTTP_PROXY",
            "SHOTGUN_STREAM_LOGGING__EMAIL__PASSWORD",
            "SHOTGUN_STREAM_KAFKA__PROPERTIES__SASL_PASSWORD",
            "SHOTGUN_STREAM_KAFKA__CONSUMER_PROPERTIES__SSL_KEY_PEM",
        )
    },
    "a variable of the Job in plain text": (
        {
            "topics": {
                "job": {
                    "enabled": True,
                    "extraEnv": [
                        {"name": "SHOTGUN_STREAM_KAFKA__PROPERTIES__SASL_PASSWORD", "value": "hunter2"}
                    ],
                }
            }
        },
        ["topics.job.extraEnv", "SASL_PASSWORD", "valueFrom: {secretKeyRef:"],
    ),
    "a profile of nothing": (
        {"podSecurityContext": {"seccompProfile": {"type": None}}},
        ["podSecurityContext.seccompProfile.type is missing", "RuntimeDefault"],
    ),
    "a stop that takes hours": (
        {"config": {"shutdown_timeout": "2h"}},
        ["config.shutdown_timeout is 2h", "at most an hour"],
    ),
    "a team's stop that takes no time": (
        {"teams": {"anim": {"config": {"shutdown_timeout": "0s"}}}},
        ["teams.anim.config.shutdown_timeout is 0s", "more than nothing"],
    ),
    "a request above the default limit": (
        {"producer": {"resources": {"requests": {"memory": "2Gi"}}}},
        ["producer.resources.requests.memory is 2Gi", "limits.memory, which is 512Mi", "the chart's default"],
    ),
    "a team's request above its limit": (
        {"teams": {"anim": {"resources": {"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}}}}},
        ["teams.anim.resources.requests.cpu is 1500m", "limits.cpu, which is 1"],
    ),
    "a Job's request above the default limit": (
        {"topics": {"job": {"enabled": True, "resources": {"requests": {"memory": "1G"}}}}},
        ["topics.job.resources.requests.memory is 1G", "256Mi"],
    ),
    "a test's request above the default limit": (
        {"tests": {"resources": {"requests": {"memory": "600M"}}}},
        ["tests.resources.requests.memory is 600M", "512Mi"],
    ),
    "git-sync without an image": (
        {"teams": {"anim": {"plugins": {"gitSync": {"repo": "https://git.lan/p.git"}}}}},
        ["teams.anim.plugins.gitSync has a repo and no image", "gitSync.image.repository"],
    ),
    "git-sync's request above the default limit": (
        {
            "teams": {
                "anim": {
                    "plugins": {
                        "gitSync": {
                            "repo": "https://git.lan/p.git",
                            "resources": {"requests": {"memory": "0.2Gi"}},
                        }
                    }
                }
            }
        },
        ["teams.anim.plugins.gitSync.resources.requests.memory is 0.2Gi", "128Mi"],
    ),
    "a request that is no quantity": (
        {"producer": {"resources": {"requests": {"memory": "2 GB"}}}},
        ["producer.resources.requests.memory", '"2 GB"', "256Mi"],
    ),
    "authorities that nobody mounts": (
        {"config": {"shotgun": {"ca_certs": "/etc/studio/ca.pem"}}},
        ["config.shotgun.ca_certs is /etc/studio/ca.pem", "nothing is mounted there", "extraVolumeMounts"],
    ),
    "authorities that a team does not mount": (
        {
            "config": {"shotgun": {"ca_certs": "/etc/studio/ca.pem"}},
            "producer": {"extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/studio/"}]},
        },
        ["config.shotgun.ca_certs", "teams.anim", "extraVolumeMounts"],
    ),
    "a team in capitals": (
        {"teams": {"Anim": {"plugins": {"paths": ["/plugins"]}}}},
        ["teams.Anim", "lower-case letters, digits and dashes", "rename it"],
    ),
    "a team of many letters": (
        {"teams": {"a" * 31: {"plugins": {"paths": ["/plugins"]}}}},
        ["at most 30 characters"],
    ),
    "two teams of one name": (
        {"teams": {"animation": {"team": "anim", "plugins": {"paths": ["/plugins"]}}}},
        ["teams.anim", "teams.animation", "would share the consumer groups anim.*"],
    ),
    "a team and a worker of one name": (
        {
            "teams": {
                "anim": {"workers": {"a": {"only": ["x"]}}},
                "anim-a": {"plugins": {"paths": ["/plugins"]}},
            }
        },
        ["teams.anim.workers.a", "teams.anim-a", "would both be called"],
    ),
    "a team without plugins": (
        {"teams": {"fx": {}}},
        ["teams.fx.plugins names no place", "paths", "configMap", "gitSync"],
    ),
    "a path that is none": (
        {"teams": {"anim": {"plugins": {"paths": ["plugins"]}}}},
        ["teams.anim.plugins.paths", '"plugins"', "whole path"],
    ),
    "a worker of everything": (
        {"teams": {"anim": {"workers": {"a": {}}}}},
        ["teams.anim.workers.a.only is missing"],
    ),
    "workers that share a plugin": (
        {"teams": {"anim": {"workers": {"a": {"only": ["publish*"]}, "b": {"only": ["publish_shots"]}}}}},
        ["teams.anim.workers", '"publish*"', '"publish_shots"', "make the patterns disjoint"],
    ),
    "workers whose patterns meet": (
        {"teams": {"anim": {"workers": {"a": {"only": ["a*"]}, "b": {"only": ["*b"]}}}}},
        ["teams.anim.workers", '"a*"', '"*b"', "make the patterns disjoint"],
    ),
    "workers whose sets meet": (
        {"teams": {"anim": {"workers": {"a": {"only": ["[a-m]*"]}, "b": {"only": ["[!n-z]_?"]}}}}},
        ["teams.anim.workers", '"[a-m]*"', '"[!n-z]_?"', "make the patterns disjoint"],
    ),
    "what the chart sets itself": (
        {"config": {"http": {"port": 80}}},
        ["config.http", "is set by the chart"],
    ),
    "plugin paths in the configuration": (
        {"teams": {"anim": {"config": {"consumer": {"plugin_paths": ["/x"]}}}}},
        ["config.consumer.plugin_paths", "use teams.<team>.plugins instead"],
    ),
    "two scalers": (
        {
            "teams": {
                "anim": {"autoscaling": {"enabled": True}, "keda": {"enabled": True, "groups": ["hello"]}}
            }
        },
        ["autoscaling and keda are both enabled", "choose one"],
    ),
    "KEDA without groups": (
        {"teams": {"anim": {"keda": {"enabled": True}}}},
        ["teams.anim.keda.groups is empty"],
    ),
    "KEDA that scales to nothing": (
        {"teams": {"anim": {"keda": {"enabled": True, "groups": ["hello"], "minReplicaCount": 0}}}},
        ["keda.minReplicaCount is 0", "must be 1 or more"],
    ),
    "KEDA and a short name": (
        {
            "config": {"kafka": {"bootstrap_servers": "kafka:9092"}},
            "teams": {"anim": {"keda": {"enabled": True, "groups": ["hello"]}}},
        },
        ['KEDA would look "kafka" up in its own namespace', "keda.bootstrapServers"],
    ),
    "fewer at most than at least": (
        {"teams": {"anim": {"autoscaling": {"enabled": True, "minReplicas": 4}}}},
        ["autoscaling.maxReplicas is 3, less than minReplicas, 4"],
    ),
    "a password for a protocol without": (
        {"credentials": {"kafka": {"sasl": {"secret": "login"}}}},
        ["credentials.kafka.sasl", "security.protocol", "SASL_SSL"],
    ),
    "certificates for a protocol without": (
        {"credentials": {"kafka": {"tls": {"caSecret": "ca"}}}},
        ["credentials.kafka.tls", "security.protocol", "set it to SSL or SASL_SSL"],
    ),
    "a network without a way out": (
        {"networkPolicy": {"enabled": True}},
        ["networkPolicy.egress is empty", "list where they may go"],
    ),
    "two monitors": (
        {"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
        ["podMonitor", "serviceMonitor", "choose one"],
    ),
    "Strimzi without a cluster": (
        {"strimzi": {"enabled": True, "users": {"enabled": False}}},
        ["strimzi.cluster is missing"],
    ),
    "topics made twice": (
        {
            "strimzi": {"enabled": True, "cluster": "studio", "users": {"enabled": False}},
            "topics": {"job": {"enabled": True}},
        },
        ["strimzi.topics and topics.job are both enabled"],
    ),
    "an own grace that is shorter than the drain": (
        {"config": {"shutdown_timeout": "5m"}, "producer": {"terminationGracePeriodSeconds": 60}},
        ["terminationGracePeriodSeconds", "60", "shutdown_timeout"],
    ),
}


@pytest.mark.parametrize("major", MAJORS)
@pytest.mark.parametrize("name", BY_SCHEMA)
def test_the_schema_refuses(name: str, major: str) -> None:
    values, words = BY_SCHEMA[name]

    said = with_values(major, values, MINIMAL)

    assert said.code != 0
    assert [word for word in words if word not in said.err] == [], said.err
    assert "values don't meet the specifications of the schema" in said.err


@pytest.mark.parametrize("name", BY_GUARD)
def test_the_chart_refuses(name: str) -> None:
    values, words = BY_GUARD[name]

    said = with_values("4", values, MINIMAL)

    assert said.code != 0
    assert [word for word in words if word not in said.err] == [], said.err
    assert "hunter2" not in said.out + said.err


def test_a_release_of_nothing_is_refused() -> None:
    said = with_values("4", {"producer": {"enabled": False}})

    assert said.code != 0
    assert "there is nothing to run: producer.enabled is false and teams is empty" in said.err


def test_null_takes_a_default_away_wherever_a_layer_is_laid_over() -> None:
    values = {
        "teamDefaults": {"priorityClassName": "low", "config": {"consumer": {"max_uncommitted": 7}}},
        "teams": {"anim": {"priorityClassName": None, "config": {"consumer": {"max_uncommitted": None}}}},
    }

    said = with_values("4", values, MINIMAL)

    assert said.code == 0, said.err
    assert "priorityClassName" not in said.out
    assert "max_uncommitted" not in said.out
