"""All values of the chart, in the order in which a reader needs them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from shotgun_chart.credentials import Credentials
from shotgun_chart.parts import (
    Config,
    EnvironmentVariable,
    Free,
    Image,
    Labels,
    ObjectName,
    OverCredentials,
    OverResources,
    Part,
    Positive,
    Quantity,
    Span,
    Toleration,
    laid_over,
    resources,
)
from shotgun_chart.workloads import Producer, Team

DEFAULT_CONFIG: Free = {
    "shotgun": {"url": "", "script_name": ""},
    "kafka": {"bootstrap_servers": "", "properties": {}},
    "stream": {},
    "logging": {"level": "INFO", "format": "json"},
    "shutdown_timeout": "30s",
}
"""What the chart says of the services' configuration; all else is the services' own default."""


class Named(Part):
    """The name of something that is there."""

    name: str
    """Its name."""


class KafkaNames(Part):
    """Names in Kafka."""

    group_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]*$")] = ""
    """Put before each consumer group's name: `<groupPrefix><team>.<plugin>`. Positions hang on these names, so it must
    not be changed once a team runs. It never depends on the release's name."""


class AuthenticationReference(Part):
    """How KEDA logs in to Kafka."""

    name: str | None = None
    """Name of the object."""
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] | None = None
    """`TriggerAuthentication` or `ClusterTriggerAuthentication`."""


class KedaAccess(Part):
    """How KEDA itself reaches Kafka; see `teamDefaults.keda`."""

    bootstrap_servers: str = ""
    """`host:port, host:port` as KEDA's own namespace looks them up: full names. Empty: those of `config`."""
    authentication_ref: Annotated[Free, laid_over("AuthenticationReference")] = {}
    """Empty: the chart makes one from `credentials`, where Kafka wants a login."""
    kafka_version: str = "2.8.0"
    """The version whose requests KEDA makes, not that of the brokers. KEDA's own default, 1.0.0, fails with Kafka 4."""


class TopicsJob(Part):
    """A Job before install and upgrade that makes the topics."""

    enabled: bool = False
    """Whether there is one."""
    config: Config = {}
    """Laid over `config`: for a Kafka user that may create topics."""
    credentials: OverCredentials = {}
    """Laid over `credentials`: for a Kafka user that may create topics."""
    backoff_limit: Annotated[int, Field(ge=0)] = 3
    """Tries after the first."""
    extra_env: list[EnvironmentVariable] = []
    """More variables. Merged with the chart's own by name; where both say something, yours counts."""
    extra_env_from: list[Free] = []
    """ConfigMaps and Secrets whose keys become variables."""
    extra_volumes: list[Free] = []
    """More volumes, merged by name."""
    extra_volume_mounts: list[Free] = []
    """More mounts, merged by path."""
    active_deadline_seconds: Positive = 300
    """Longest time of all tries together."""
    service_account_name: str = ""
    """Must be there before the release; empty: the namespace's default."""
    resources: OverResources = resources("50m", "128Mi", "256Mi")
    """What its container asks for, and what it may take."""
    node_selector: Labels = {}
    """Labels that a node must have."""
    tolerations: list[Toleration] = []
    """Taints of nodes that do not keep the pod away."""


class Topics(Part):
    """Who makes the topics. Without any, the producer makes them at its start, if Kafka allows that."""

    job: TopicsJob = TopicsJob()
    """A Job before install and upgrade: `shotgun-producer topics --create`."""


class StrimziTopics(Part):
    """Topics as Strimzi's KafkaTopic."""

    enabled: bool = True
    """Whether the topics are made."""
    replicas: Positive | None = None
    """Copies of each topic; null: `config.stream.replication_factor`, else Kafka's default."""


class StrimziUsers(Part):
    """Users as Strimzi's KafkaUser, each with the rights it needs and no others."""

    enabled: bool = True
    """Whether the users are made."""
    authentication: Literal["scram-sha-512", "tls"] = "scram-sha-512"
    """`scram-sha-512` or `tls`. In the release's own namespace the pods use the Secrets that Strimzi makes."""


class Strimzi(Part):
    """Topics and users as Strimzi's custom resources."""

    enabled: bool = False
    """Whether there are any."""
    cluster: str = ""
    """Name of the Kafka resource."""
    namespace: str = ""
    """Where that lives; empty: the release's namespace."""
    topics: StrimziTopics = StrimziTopics()
    """Topics as KafkaTopic."""
    users: StrimziUsers = StrimziUsers()
    """Users as KafkaUser, each with the rights it needs and no others."""
    labels: Labels = {}
    """Put on these resources."""
    annotations: Labels = {}
    """Put on these resources."""


class ServiceAccount(Part):
    """One for all pods. No pod gets a token: nothing here talks to the Kubernetes API."""

    create: bool = True
    """Whether the chart makes it."""
    name: str = ""
    """Empty: the release's name. With `create: false`: one that is there; empty: the namespace's default."""
    annotations: Labels = {}
    """Its annotations."""


class NetworkPolicy(Part):
    """Who may talk to the pods, and to whom they may talk."""

    enabled: bool = False
    """Whether there is one."""
    metrics_from: list[Free] = []
    """Who may read the metrics page, as `from` of a rule; empty: everybody."""
    allow_dns: Annotated[bool, Field(alias="allowDNS")] = True
    """Name lookups, to any address."""
    egress: list[Free] = []
    """Where pods may go: brokers, the site, the mail server, what plugins talk to. Required when enabled."""
    ingress: list[Free] = []
    """More rules for traffic into the pods."""


class Monitor(Part):
    """A monitor of the Prometheus operator."""

    enabled: bool = False
    """Whether there is one."""
    interval: Span = "15s"
    """Time between two scrapes."""
    scrape_timeout: Span = "10s"
    """Longest time of a scrape."""
    labels: Labels = {}
    """Its labels, by which a Prometheus finds it."""
    annotations: Labels = {}
    """Its annotations."""
    relabelings: list[Free] = []
    """As the operator takes them."""
    metric_relabelings: list[Free] = []
    """As the operator takes them."""


class Rules(Part):
    """The alert rules."""

    enabled: bool = False
    """Whether they are there. Once for the whole stream: leave it to the release that has the producer."""
    groups: list[str] = []
    """Names of the rule groups to take; empty: all. A Prometheus that scrapes no producer, or no consumers, would take
    what it does not know for gone: `[shotgun-consumer, shotgun-targets]` or `[shotgun-producer, shotgun-targets]`."""
    runbook_url: Annotated[str, Field(pattern=r"^(https?://[^\s#]+)?$")] = ""
    """Where people find docs/runbook.md, such as `https://wiki.studio.lan/shotgun-stream/runbook`; the link of each
    alert goes to its heading there. Empty: the links stay as they are, within the repository."""
    labels: Labels = {}
    """Labels of the object, by which a Prometheus finds it."""
    annotations: Labels = {}
    """Its annotations."""


class Dashboard(Part):
    """The Grafana dashboard."""

    enabled: bool = False
    """Whether it is there. Once for the whole stream: leave it to the release that has the producer."""
    namespace: str = ""
    """Empty: the release's."""
    labels: Labels = {"grafana_dashboard": "1"}
    """Labels of the object, by which Grafana's sidecar finds it."""
    annotations: Labels = {}
    """Its annotations."""


class Monitoring(Part):
    """What Prometheus and Grafana need."""

    pod_monitor: Monitor = Monitor()
    """For the Prometheus operator. A PodMonitor needs no Service."""
    service_monitor: Monitor = Monitor()
    """The same with a Service, for a Prometheus that selects only these."""
    rules: Rules = Rules()
    """The alert rules of `deploy/monitoring/rules.yaml` as a PrometheusRule."""
    dashboard: Dashboard = Dashboard()
    """The Grafana dashboard of `deploy/monitoring` as a ConfigMap, for Grafana's sidecar."""


class Tests(Part):
    """`helm test` runs the services' own doctor: site, brokers, topics, rights, groups and clocks."""

    enabled: bool = True
    """Whether there are tests."""
    annotations: Labels = {}
    """More annotations of their pods."""
    resources: OverResources = resources("50m", "128Mi", "512Mi")
    """What their containers ask for, and what they may take."""


class Values(Part):
    """Values of the chart shotgun-stream."""

    model_config = {"title": "Values of the chart shotgun-stream"}

    global_: Annotated[Free, Field(alias="global")] = {}
    """Helm's own; the chart reads nothing from it."""
    name_override: ObjectName = ""
    """Replaces the chart's name in names and labels of all objects. Not to be changed later: a Deployment keeps its
    selector."""
    fullname_override: ObjectName = ""
    """Replaces the whole prefix of the names of all objects."""
    common_labels: Labels = {}
    """Put on every object, and on every pod."""
    common_annotations: Labels = {}
    """Put on every object."""
    image: Image = Image()
    """The image with both services. A team that brings its own says so in `teams.<team>.image`."""
    image_pull_secrets: list[Named] = []
    """`[{name: my-pull-secret}]`"""
    config: Config = DEFAULT_CONFIG
    """What the services read, with the keys of docs/configuration.md; the chart itself sets `http`, `consumer.team`,
    `consumer.group_prefix`, `consumer.plugin_paths` and `consumer.only`. No secret belongs here: see `credentials`."""
    credentials: Credentials = Credentials()
    """Where secrets are: names of Secrets, never secrets. The same may stand in `producer`, `teamDefaults` and
    `teams.<team>`, laid over this one."""
    kafka: KafkaNames = KafkaNames()
    """Names in Kafka."""
    producer: Producer = Producer()
    """The producer's Deployment."""
    team_defaults: Team = Team()
    """Lies under each entry of `teams`. Every key may stand there too."""
    teams: dict[str, Annotated[Free, laid_over("Team")]] = {}
    """`{<team>: {..}}` with the keys of `teamDefaults`. The key is a short DNS label, at most 30 characters. Mappings
    are merged key by key, lists are replaced, and null takes a default away."""
    keda: KedaAccess = KedaAccess()
    """How KEDA itself reaches Kafka; see `teamDefaults.keda`."""
    topics: Topics = Topics()
    """Who makes the topics. Without any, the producer makes them at its start, if Kafka allows that."""
    strimzi: Strimzi = Strimzi()
    """Topics and users as Strimzi's custom resources."""
    service_account: ServiceAccount = ServiceAccount()
    """One for all pods. No pod gets a token: nothing here talks to the Kubernetes API."""
    pod_security_context: Free = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    """For all pods, hooks included: what Pod Security calls "restricted". Where the cluster itself gives out users, as
    OpenShift does, set `runAsUser`, `runAsGroup` and `fsGroup` to null."""
    security_context: Free = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    """For all containers, hooks included: what Pod Security calls "restricted"."""
    tmp_size_limit: Quantity = "256Mi"
    """Largest size of each pod's /tmp, the only place that can be written to."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """Who may talk to the pods, and to whom they may talk."""
    monitoring: Monitoring = Monitoring()
    """What Prometheus and Grafana need."""
    tests: Tests = Tests()
    """`helm test` runs the services' own doctor: site, brokers, topics, rights, groups and clocks."""
    extra_objects: list[Annotated[Any, WithJsonSchema({"type": ["object", "string"]})]] = []
    """More objects, each a mapping or a text; what stands in `{{ }}` is filled in with the chart's values."""
