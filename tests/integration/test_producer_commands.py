"""The operator's commands: what they find on a real stream, and how they end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
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
    for command in ("status", "holes", "verify"):
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


def test_verify_finds_site_and_topic_equal_while_the_producer_runs(bench: Bench, site: SandboxSite) -> None:
    bench.start().wait_active()
    bench.wait_for_all()
    new = site.admin.write_events(5)
    bench.wait_for_all()

    by_id = answer(bench, "verify", "--from", "1", "--to", "1000000")
    recent = answer(bench, "verify", "--last", "24h")

    assert (by_id["from"], by_id["to"], by_id["expected"]) == (1, new[-1], 45)
    assert by_id["equal"]
    assert recent["expected"] >= len(new)
    assert recent["equal"]


def test_verify_does_not_expect_what_is_filtered(bench: Bench, site: SandboxSite) -> None:
    bench.values["producer"]["exclude_event_types"] = ["*_View"]
    seen = site.admin.write_events(3, changes={"event_type": "Shotgun_Version_View"})
    kept = site.admin.write_events(1, changes={"event_type": "Shotgun_Version_Change"})
    bench.start().wait_active()
    wait_until(lambda: set(kept) <= set(bench.published()))
    assert not set(seen) & set(bench.published())

    found = answer(bench, "verify", "--from", str(seen[0]))

    assert (found["expected"], found["left_out"], found["equal"]) == (1, 3, True)


def test_verify_names_what_the_topic_has_twice(bench: Bench, kafka: Kafka) -> None:
    publish_and_stop(bench)
    put(kafka, bench.topic, b"7")

    found = answer(bench, "verify", "--from", "1", code=1)

    assert found["doubled"] == {"count": 1, "first": [7]}
    assert found["missing"]["count"] == 0


def test_verify_names_what_the_topic_has_lost(bench: Bench, kafka: Kafka) -> None:
    publish_and_stop(bench)
    cut = TopicPartition(bench.topic, 0, 10)
    assert kafka.admin.delete_records([cut])[cut].result(30).low_watermark == 10

    process = bench.command("verify", "--from", "5")

    assert process.wait() == 1
    assert "6: 5, 6, 7, 8, 9, 10" in process.stdout
    assert "6 ids are missing" in process.stderr
    assert "retention.ms" in process.stderr
    assert answer(bench, "verify", "--from", "11", "--to", "20")["published"] == 10


def test_verify_does_not_miss_what_is_still_to_come(bench: Bench, site: SandboxSite) -> None:
    # Given a late event that becomes visible after the producer has stopped, and a newer one
    late = site.admin.open_transaction(1)
    site.admin.write_events(1)
    publish_and_stop(bench)
    assert answer(bench, "verify", "--from", "1")["awaited"]["count"] == 0
    site.admin.commit(late)
    site.admin.write_events(1)

    # When the two are compared, then the first is awaited and the second lies beyond the head
    found = answer(bench, "verify", "--from", "1")
    assert found["awaited"]["first"] == list(late.ids)
    assert (found["to"], found["equal"]) == (42, True)


def test_verify_does_not_expect_what_was_before_the_start(bench: Bench, site: SandboxSite) -> None:
    bench.values["producer"]["start"] = "latest"
    bench.start().wait_active()
    new = site.admin.write_events(3)
    wait_until(lambda: set(new) <= set(bench.published()))

    found = answer(bench, "verify", "--from", "1")

    assert (found["expected"], found["published"], found["equal"]) == (3, 3, True)


def test_verify_finds_an_event_whose_date_is_ahead_of_its_record(bench: Bench, site: SandboxSite) -> None:
    (odd,) = site.admin.write_events(1, changes={"created_at": "2099-01-01T00:00:00Z"})
    publish_and_stop(bench)

    found = answer(bench, "verify", "--from", str(odd), "--to", str(odd))

    assert (found["published"], found["equal"]) == (1, True)


def test_verify_refuses_a_range_that_contradicts_itself(bench: Bench) -> None:
    for words in (("--last", "1h", "--from", "3"), ("--from", "9", "--to", "3"), ("--last", "soon")):
        process = bench.command("verify", *words)
        assert process.wait() == 2
        assert "Error: " in process.stderr


def put(kafka: Kafka, topic: str, key: bytes) -> None:
    """One more record, past the producer."""
    writer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 2})
    writer.produce(topic, b"x", key)
    assert writer.flush(30) == 0


def test_the_doctor_finds_a_running_stream_well(bench: Bench) -> None:
    bench.start().wait_active()

    found = answer(bench, "doctor")

    assert {check["state"] for check in found} == {"ok"}
    subjects = {check["subject"] for check in found}
    assert {"site", "events", "clock", "kafka", "version", "transactions", "positions"} <= subjects
    assert f"topic {bench.topic}" in subjects


def test_the_doctor_says_what_to_do_about_each_problem(bench: Bench, kafka: Kafka, site: SandboxSite) -> None:
    # Given a wrong key, a topic with settings that break a promise, and one that is not there yet
    bench.values["shotgun"]["api_key"] = "wrong"
    small = kafka.create_topic("events", max_message_bytes="1000000")
    bench.values["stream"]["topic"] = small

    found = {check["subject"]: check for check in answer(bench, "doctor", code=1)}

    assert found["site"]["state"] == "problem"
    assert "shotgun.api_key" in found["site"]["found"]
    assert found[f"topic {small}"]["state"] == "problem"
    assert f"--alter --topic {small}" in found[f"topic {small}"]["advice"]
    assert found[f"topic {bench.checkpoint_topic}"]["state"] == "warning"
    assert "kafka-topics.sh" in found[f"topic {bench.checkpoint_topic}"]["advice"]


def test_the_doctor_sees_a_clock_that_is_off_and_events_that_are_hidden(
    bench: Bench, site: SandboxSite
) -> None:
    site.admin.advance(600)
    site.admin.restrict(first_id=1)

    process = bench.command("doctor")

    assert process.wait() == 0, process.describe()
    assert re.search(r"this machine's clock is (9m\d+s|10m) behind the site's", process.stdout)
    assert "the site shows no event" in process.stdout


def test_the_doctor_looks_at_the_rest_when_both_ends_are_away(bench: Bench, site: SandboxSite) -> None:
    site.admin.close_port()
    bench.values["kafka"]["bootstrap_servers"] = "127.0.0.1:1"

    found = answer(bench, "doctor", code=1)

    assert [(check["subject"], check["state"]) for check in found] == [
        ("site", "problem"),
        ("kafka", "problem"),
    ]
