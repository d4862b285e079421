"""Connections to Kafka: configurations that keep the promises, clients, and errors in plain words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from shotgun_runtime.backoff import Backoff, OutageLog
from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError, StreamError
from shotgun_runtime.kafka_errors import explain, is_refusal
from shotgun_runtime.kafka_watch import BrokerWatch, ClientWatch, Watch, client_logger
from shotgun_runtime.settings import KafkaSettings, Settings, require_kafka
from shotgun_runtime.shutdown import Shutdown
from shotgun_schemas.topics import MAX_RECORD_BYTES

__all__ = [
    "BrokerWatch",
    "ClientWatch",
    "LastingAdmin",
    "admin",
    "check_properties",
    "consumer_config",
    "explain",
    "is_refusal",
    "new_consumer",
    "new_producer",
    "producer_config",
    "require_broker",
    "wait_for_broker",
]

log = logging.getLogger(__name__)

READER_GROUP = "shotgun-stream.reader"
"""Named by consumers that only assign and never commit: librdkafka wants some group."""

_COMMON_DEFAULTS: Mapping[str, Any] = {
    "client.id": "shotgun-stream",
    "socket.keepalive.enable": True,
    "log.connection.close": False,
    # The statistics carry the brokers' state: the only sign of a recovery that comes without traffic.
    "statistics.interval.ms": 5000,
}
_CONSUMER_DEFAULTS: Mapping[str, Any] = {
    "queued.max.messages.kbytes": 4096,
    "fetch.message.max.bytes": 1024 * 1024,
}
_CONSUMER_PROMISES: Mapping[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
}
_LEFT_TO_BROKER: Mapping[str, str] = {
    "session.timeout.ms": "group.consumer.session.timeout.ms on the brokers",
    "heartbeat.interval.ms": "group.consumer.heartbeat.interval.ms on the brokers",
    "partition.assignment.strategy": "group.remote.assignor, to 'uniform' or 'range'",
}
"""What the newer group protocol does not let a client decide, and what is set instead."""
_PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "compression.type": "zstd",
    "linger.ms": 5,
    "message.max.bytes": MAX_RECORD_BYTES,
    "delivery.report.only.error": False,
}
_PRODUCER_PROMISES: Mapping[str, Any] = {"acks": "all", "enable.idempotence": True}
_TRANSACTION_TIMEOUT_MS = 15_000


def consumer_config(
    settings: Settings | KafkaSettings,
    *,
    group_id: str | None = None,
    watch: Watch | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Return the configuration of a consumer that commits only what it is told to commit.

    Defaults of ours lie lowest, then the user's properties, then ``extra`` (``fetch_wait_max_ms=5000``; an underscore
    stands for a dot), then the values on which promises rest. ``group_id`` None is for readers that assign. Share one
    ``watch`` between clients to hear of an outage once. Raises ConfigurationError for a property that librdkafka
    does not know.
    """
    kafka = _kafka(settings)
    user = {**kafka.properties, **kafka.consumer_properties}
    check_properties(kafka)
    return {
        **_COMMON_DEFAULTS,
        **_CONSUMER_DEFAULTS,
        **user,
        **_dotted(extra),
        **_CONSUMER_PROMISES,
        **_held(kafka, watch),
        "group.id": group_id or READER_GROUP,
    }


def producer_config(
    settings: Settings | KafkaSettings,
    *,
    transactional_id: str | None = None,
    watch: Watch | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """Return the configuration of an idempotent producer, transactional when it is given an id.

    The order of precedence and the errors are those of ``consumer_config``.
    """
    kafka = _kafka(settings)
    user = {**kafka.properties, **kafka.producer_properties}
    check_properties(kafka)
    transaction: dict[str, Any] = {}
    if transactional_id is not None:
        transaction = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": _TRANSACTION_TIMEOUT_MS,
        }
    return {
        **_COMMON_DEFAULTS,
        **_PRODUCER_DEFAULTS,
        **user,
        **transaction,
        **_dotted(extra),
        **_PRODUCER_PROMISES,
        **_held(kafka, watch),
    }


def new_consumer(config: Mapping[str, Any]) -> Consumer:
    """Make a consumer. Raises ConfigurationError that names the property which librdkafka refuses."""
    try:
        return Consumer(dict(config))
    except (KafkaException, ValueError, TypeError) as error:
        raise _refused_property(error) from None


def new_producer(config: Mapping[str, Any]) -> Producer:
    """Make a producer. Raises ConfigurationError that names the property which librdkafka refuses."""
    try:
        return Producer(dict(config))
    except (KafkaException, ValueError, TypeError) as error:
        raise _refused_property(error) from None


def admin(settings: Settings | KafkaSettings) -> AdminClient:
    """Make an admin client. Raises ConfigurationError that names the property which librdkafka refuses."""
    kafka = _kafka(settings)
    config: dict[str, Any] = {
        "client.id": "shotgun-stream",
        **kafka.properties,
        "bootstrap.servers": kafka.bootstrap_servers,
        # Nobody polls an admin client, so its log would go to stderr; what fails comes back from each call.
        "log_level": 0,
    }
    try:
        return AdminClient(config)
    except (KafkaException, ValueError, TypeError) as error:
        raise _refused_property(error) from None


class LastingAdmin:
    """An admin client for a process that goes on, to be replaced when its calls fail. One owner.

    Nobody polls an admin client, so nothing says that it is stranded (see `ClientWatch`) but calls without an answer.
    Making one raises as `admin`.
    """

    def __init__(self, settings: Settings | KafkaSettings) -> None:
        self._settings = settings
        self._client = admin(settings)

    @property
    def client(self) -> AdminClient:
        """The client to use now."""
        return self._client

    def renew(self) -> None:
        """Use another client from now on. What was asked of the old one is lost once nobody holds that."""
        self._client = admin(self._settings)


def check_properties(settings: KafkaSettings) -> None:
    """Raise ConfigurationError unless librdkafka takes all of the user's properties. Connects to nothing."""
    _check_protocol(settings)
    quiet = {"log_level": 0, "group.id": READER_GROUP}
    if settings.properties or settings.consumer_properties:
        new_consumer({**settings.properties, **settings.consumer_properties, **quiet}).close()
    if settings.producer_properties:
        new_producer({**settings.properties, **settings.producer_properties, "log_level": 0}).flush(0)


def _check_protocol(settings: KafkaSettings) -> None:
    given = {**settings.properties, **settings.consumer_properties}
    if str(given.get("group.protocol")).lower() != "consumer":
        return
    for name, instead in _LEFT_TO_BROKER.items():
        if name in given:
            where = "consumer_properties" if name in settings.consumer_properties else "properties"
            raise ConfigurationError(
                f"kafka.{where}: {name} cannot be set with group.protocol=consumer; leave it out, and set {instead}"
            )


def wait_for_broker(lasting: LastingAdmin, shutdown: Shutdown, *, attempt_timeout: float = 5.0) -> bool:
    """Wait until a broker answers; False when a stop was requested first.

    Says once that there is none and once that it is back. Raises KafkaRefusedError when the cluster refuses the
    credentials: more tries would not help.
    """
    outage = OutageLog("Kafka", log)
    backoff = Backoff(initial=0.2, maximum=5.0)
    while not shutdown.requested.is_set():
        reason = _unreachable(lasting.client, attempt_timeout)
        if reason is None:
            outage.recovered()
            return True
        outage.failed(reason)
        lasting.renew()
        shutdown.wait(backoff.pause())
    return False


def require_broker(client: AdminClient, servers: str, *, timeout: float = 10.0) -> None:
    """Raise unless a broker answers in time: for one-shot commands.

    KafkaRefusedError for refused credentials, StreamError for a broker that cannot be reached.
    """
    reason = _unreachable(client, timeout)
    if reason is not None:
        raise StreamError(f"Kafka at {servers} is not available: {reason}")


def _unreachable(client: AdminClient, timeout: float) -> str | None:
    try:
        client.list_topics(timeout=timeout)
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if is_refusal(cause):
            raise KafkaRefusedError(f"Kafka refused: {explain(cause)}") from None
        return explain(cause)
    return None


def _kafka(settings: Settings | KafkaSettings) -> KafkaSettings:
    kafka = settings.kafka if isinstance(settings, Settings) else settings
    require_kafka(kafka)
    return kafka


def _held(kafka: KafkaSettings, watch: Watch | None) -> dict[str, Any]:
    seen = watch or BrokerWatch(kafka.bootstrap_servers)
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        "error_cb": seen.on_error,
        "stats_cb": seen.on_statistics,
        "logger": client_logger(),
    }


def _dotted(extra: Mapping[str, Any]) -> dict[str, Any]:
    # Callbacks keep their underscore: on_commit, error_cb, stats_cb, throttle_cb.
    return {name if callable(value) else name.replace("_", "."): value for name, value in extra.items()}


def _refused_property(error: Exception) -> StreamError:
    cause = error.args[0] if error.args else error
    text = cause.str() if isinstance(cause, KafkaError) else str(error)
    return ConfigurationError(
        f"librdkafka refuses a property: {text}; check kafka.properties, kafka.producer_properties and "
        "kafka.consumer_properties"
    )
