"""The operator's commands: what they find on a real stream, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from producer_kit import Bench
from support import Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=40, writers=1, id_block=1)) as site:
        yield site


@pytest.fixture
def bench(spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite) -> Bench:
    return Bench(spawn, tmp_path, kafka, site)


def answer(bench: Bench, *words: str, code: int = 0) -> Any:
    """What the command prints with --json; its exit code must be `code`."""
    process = bench.command(*words, "--json")
    assert process.wait() == code, process.describe()
    return json.loads(process.stdout)


def refusal(bench: Bench, *words: str, code: int) -> str:
    """What the command says on stderr when it ends with `code`: one error, and no traceback."""
    process = bench.command(*words)
    assert process.wait() == code, process.describe()
    assert "error: " in process.stderr
    assert "Traceback" not in process.stderr
    return process.stderr


def publish_and_stop(bench: Bench) -> None:
    producer = bench.start()
    bench.wait_for_all()
    assert producer.process.terminate() == 0


def test_status_names_the_active_producer_and_the_standby(bench: Bench) -> None:
    bench.start().wait_active()
    bench.start()
    bench.wait_for_all()

    found = wait_until(lambda: both_in_place(answer(bench, "status")), message="one active, one standing by")

    assert found["active"]["host"] == "127.0.0.1"
    assert found["active"]["member"] != found["standby"][0]["member"]
    assert (found["head"], found["newest"], found["lag_ids"], found["lag_seconds"]) == (40, 40, 0, 0)
    assert found["decision"] is None


def both_in_place(found: Any) -> Any:
    return found if found["active"] and len(found["standby"]) == 1 else None


def test_status_tells_how_far_a_stopped_stream_is_behind(bench: Bench, site: SandboxSite) -> None:
    publish_and_stop(bench)
    site.admin.advance(90)
    site.admin.write_events(5)

    found = answer(bench, "status")

    assert found["active"] is None
    assert (found["head"], found["newest"], found["lag_ids"]) == (40, 45, 5)
    assert found["lag_seconds"] >= 90
    assert found["checkpoint_age_seconds"] >= 90


def test_status_and_holes_tell_what_is_missing(bench: Bench, site: SandboxSite) -> None:
    site.admin.open_transaction(3)
    site.admin.write_events(1)
    publish_and_stop(bench)

    assert answer(bench, "status")["holes"]["hot"] == {"ranges": 1, "ids": 3}
    (hole,) = answer(bench, "holes")
    assert (hole["first"], hole["last"], hole["size"], hole["tier"]) == (41, 43, 3, "hot")
    text = bench.command("holes")
    assert text.wait() == 0
    assert "41 to 43" in text.stdout


def test_status_ends_with_5_when_the_site_went_backwards(bench: Bench, site: SandboxSite) -> None:
    publish_and_stop(bench)
    site.admin.reset(21)

    found = answer(bench, "status", code=5)

    assert "the newest event of the site is 20, but 40 was read before" in found["decision"]
    assert "shotgun-producer checkpoint reset --yes" in found["decision"]


def test_status_ends_with_5_for_another_site_and_a_lost_checkpoint(bench: Bench, kafka: Kafka) -> None:
    publish_and_stop(bench)
    with SandboxSite(SiteOptions(events=10)) as other:
        url, bench.values["shotgun"]["url"] = bench.values["shotgun"]["url"], other.url
        assert other.url in refusal(bench, "status", code=5)
    bench.values["shotgun"]["url"] = url
    bench.values["stream"]["checkpoint_topic"] = kafka.create_topic("checkpoint")
    assert "there is no checkpoint that says" in refusal(bench, "status", code=5)


def test_a_stream_without_topics_is_refused_with_what_makes_them(bench: Bench) -> None:
    for command in ("status", "holes"):
        text = refusal(bench, command, code=4)
        assert "the topic does not exist" in text
        assert "shotgun-producer run" in text


def test_a_site_that_refuses_or_is_away_is_named(bench: Bench, site: SandboxSite) -> None:
    publish_and_stop(bench)
    bench.values["shotgun"]["api_key"] = "wrong"
    assert "shotgun.api_key" in refusal(bench, "status", code=3)
    site.admin.close_port()
    assert f"{site.url} cannot be reached" in refusal(bench, "status", code=1)


def test_a_broker_that_is_away_is_named(bench: Bench) -> None:
    bench.values["kafka"]["bootstrap_servers"] = "127.0.0.1:1"
    assert "Kafka at 127.0.0.1:1 is not available" in refusal(bench, "holes", code=1)
