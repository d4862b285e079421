"""`checkpoint set`: the stream goes on behind the event that a person names, and that was said before."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from producer_kit import Bench, Running
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


def publish_and_stop(bench: Bench) -> None:
    producer = bench.start()
    bench.wait_for_all()
    assert producer.process.terminate() == 0


def answer(bench: Bench, *words: str, code: int = 0) -> Any:
    process = bench.command(*words, "--json")
    assert process.wait() == code, process.describe()
    return json.loads(process.stdout)


def head(bench: Bench) -> int:
    found: int = answer(bench, "checkpoint", "show")["head"]
    return found


def test_what_is_skipped_is_said_first_and_then_left_out(bench: Bench, site: SandboxSite) -> None:
    # Given a stream that has read 40 events, and five more on the site
    publish_and_stop(bench)
    site.admin.write_events(5)

    # When it is to go on behind one of these, then it is said what that means, and nothing is changed
    process = bench.command("checkpoint", "set", "43")
    assert process.wait() == 5, process.describe()
    assert "Events 41 to 43 are skipped" in process.stdout
    assert "run: shotgun-producer checkpoint set 43 --yes" in process.stderr
    assert head(bench) == 40

    # And with --yes it is done: only what lies behind is published, and verify expects no more
    assert answer(bench, "checkpoint", "set", "43", "--yes")["skipped"] == [41, 43]
    bench.start()
    wait_until(lambda: {44, 45} <= set(bench.published()))
    assert not {41, 42, 43} & set(bench.published())
    found = answer(bench, "verify", "--from", "1")
    assert (found["expected"], found["equal"]) == (42, True)


def test_what_is_published_twice_is_said_first(bench: Bench) -> None:
    publish_and_stop(bench)

    assert answer(bench, "checkpoint", "set", "30", "--yes")["again"] == [31, 40]

    bench.start()
    wait_until(lambda: len(bench.published()) == 50)
    counts = Counter(bench.published())
    assert {number for number, count in counts.items() if count == 2} == set(range(31, 41))
    assert answer(bench, "verify", "--from", "1", code=1)["doubled"]["count"] == 10


def test_a_late_event_is_published_after_the_checkpoint_was_moved(bench: Bench, site: SandboxSite) -> None:
    late = site.admin.open_transaction(2)
    site.admin.write_events(3)
    publish_and_stop(bench)

    assert answer(bench, "checkpoint", "set", "45", "--yes")["holes"] == 1

    bench.start().wait_active()
    site.admin.commit(late)
    bench.wait_for_all()


def test_an_event_that_is_not_there_yet_is_refused(bench: Bench) -> None:
    bench.start().wait_active()
    process = bench.command("checkpoint", "set", "41", "--yes")
    assert process.wait() == 2, process.describe()
    assert "the newest event of the site is 40" in process.stderr


def test_it_is_refused_while_a_producer_is_active(bench: Bench) -> None:
    producer = bench.start()
    bench.wait_for_all()
    process = bench.command("checkpoint", "set", "30", "--yes")
    assert process.wait() == 1, process.describe()
    assert "a producer is active" in process.stderr
    assert head(bench) == 40
    assert producer.metric("active") == 1


def restored(bench: Bench) -> None:
    bench.site.admin.reset(21)


def made_again(bench: Bench) -> None:
    bench.kafka.admin.delete_topics([bench.topic])[bench.topic].result(30)
    wait_until(lambda: bench.topic not in bench.kafka.admin.list_topics(timeout=5).topics)


def lost_checkpoint(bench: Bench) -> None:
    bench.kafka.admin.delete_topics([bench.checkpoint_topic])[bench.checkpoint_topic].result(30)


def archived(bench: Bench) -> None:
    bench.site.admin.write_events(20)
    bench.site.admin.hide_below(50)


@pytest.mark.parametrize("happening", [restored, made_again, lost_checkpoint, archived])
def test_a_waiting_producer_goes_on_once_the_command_that_it_names_was_run(
    bench: Bench, happening: Callable[[Bench], None]
) -> None:
    # Given a stream about which a person must decide
    publish_and_stop(bench)
    happening(bench)
    producer = bench.start()
    said = producer.wait_for_decision()

    # When the command is run as it stands there
    (words,) = re.findall(r"shotgun-producer (checkpoint set \w+ --yes)", said)
    command = bench.command(*words.replace("ID", "40").split())
    assert command.wait() == 0, command.describe()

    # Then the producer goes on by itself with what comes
    new = bench.site.admin.write_events(3)
    goes_on(producer, bench, set(new))


def goes_on(producer: Running, bench: Bench, ids: set[int]) -> None:
    wait_until(lambda: ids <= set(bench.published()), message="it goes on after the decision")
    wait_until(lambda: producer.readiness() == "ready")
    assert producer.metric("waiting_for_decision") == 0
