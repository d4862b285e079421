"""The endpoint that Prometheus and Kubernetes ask."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.health import Health
from shotgun_runtime.http import StatusServer
from shotgun_runtime.settings import HttpSettings

Answer = tuple[int, str, str]


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("shotgun_producer_events", "Events.", registry=registry).inc(3)
    return registry


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def port(registry: CollectorRegistry, health: Health) -> Iterator[int]:
    server = StatusServer(HttpSettings(host="127.0.0.1", port=0), 9464, registry, health)
    yield server.start()
    server.close()


def get(port: int, path: str, accept: str = "*/*", method: str = "GET", host: str = "127.0.0.1") -> Answer:
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request(method, path, headers={"Accept": accept})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type") or "", answer.read().decode()
    finally:
        connection.close()


def test_metrics_are_served_in_the_format_that_is_asked_for(port: int) -> None:
    status, kind, body = get(port, "/metrics")
    assert status == 200
    assert "text/plain" in kind
    assert "shotgun_producer_events_total 3.0" in body

    _, kind, body = get(port, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert "application/openmetrics-text" in kind
    assert body.endswith("# EOF\n")


def test_readiness_follows_the_service_and_says_why_not(port: int, health: Health) -> None:
    assert get(port, "/readyz")[::2] == (503, "starting\n")

    health.set_ready()
    assert get(port, "/readyz")[::2] == (200, "ready\n")

    health.set_not_ready("waiting for a decision: run shotgun-producer checkpoint")
    assert get(port, "/readyz")[::2] == (503, "waiting for a decision: run shotgun-producer checkpoint\n")


def test_a_process_that_is_not_ready_is_still_alive(port: int, health: Health) -> None:
    health.set_not_ready("Kafka is away")

    assert get(port, "/healthz")[0] == 200


def test_a_process_whose_loop_stands_still_is_not_alive() -> None:
    now = [0.0]
    health = Health(beat_within=30.0, clock=lambda: now[0])

    now[0] = 29.0
    assert health.alive == (True, "alive")
    now[0] = 31.0
    assert health.alive == (False, "the main loop has not come round for 31 s")
    health.beat()
    assert health.alive == (True, "alive")


def test_other_paths_and_methods_are_answered_plainly(port: int) -> None:
    assert get(port, "/")[0] == 200
    assert "/metrics" in get(port, "/")[2]
    assert get(port, "/nothing")[0] == 404
    assert get(port, "/metrics", method="POST")[0] == 405


def test_no_access_log_is_written(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    get(port, "/healthz")
    get(port, "/nothing")

    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_refused_with_what_to_change(registry: CollectorRegistry, health: Health) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        server = StatusServer(HttpSettings(host="127.0.0.1"), taken, registry, health)

        with pytest.raises(
            ConfigurationError, match=rf"port {taken} on 127\.0\.0\.1 is taken.*set http.port"
        ):
            server.start()
        server.close()


def test_an_address_of_another_machine_is_refused(registry: CollectorRegistry, health: Health) -> None:
    server = StatusServer(HttpSettings(host="192.0.2.1", port=0), 9464, registry, health)

    with pytest.raises(
        ConfigurationError, match=r"cannot listen on port 0 on 192\.0\.2\.1.*check http\.host"
    ):
        server.start()


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6_addresses_are_served(registry: CollectorRegistry, health: Health) -> None:
    server = StatusServer(HttpSettings(host="::1", port=0), 9464, registry, health)
    try:
        port = server.start()
    except ConfigurationError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
    try:
        assert get(port, "/healthz", host="::1")[0] == 200
    finally:
        server.close()


def test_closing_ends_all_threads_though_a_client_says_nothing(
    registry: CollectorRegistry, health: Health
) -> None:
    before = set(threading.enumerate())
    server = StatusServer(HttpSettings(host="127.0.0.1", port=0), 9464, registry, health)
    port = server.start()
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"GET /metr")
        get(port, "/healthz")  # answered after the silent one was accepted

        server.close()
        server.close()

    assert not set(threading.enumerate()) - before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
