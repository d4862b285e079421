"""Jobs in the control topic as the active producer follows them, on a real Kafka."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from support import Kafka, wait_until

from shotgun_producer.backfill.jobs import RETRY_SECONDS, BackfillJobs
from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.kafka import admin
from shotgun_runtime.settings import Settings
from shotgun_runtime.topics import TopicSpec, ensure_topics
from shotgun_schemas.control import backfill_key
from shotgun_schemas.topics import CONTROL_SETTINGS

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: Kafka) -> Settings:
    name = kafka.topic("control")
    return Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}, stream={"control_topic": name})


@pytest.fixture
def topic(settings: Settings) -> None:
    ensure_topics(admin(settings), [TopicSpec(settings.stream.control_topic, 1, CONTROL_SETTINGS)])


@pytest.fixture
def writer(settings: Settings, topic: None) -> Iterator[ControlWriter]:
    writer = ControlWriter(settings)
    yield writer
    writer.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(settings: Settings, clock: Clock) -> Iterator[BackfillJobs]:
    jobs = BackfillJobs(settings, clock=clock)
    yield jobs
    jobs.close()


def ask(writer: ControlWriter, name: str, state: str = "wanted", first: int = 1) -> None:
    writer.put(backfill_key(name), by="test", reason="", first=first, last=9, rate_limit=None, state=state)


def names(jobs: BackfillJobs) -> tuple[list[str], list[str]]:
    """The names of the wanted and of the cancelled jobs, after a poll."""
    jobs.poll()
    return [job.name for job in jobs.wanted()], [job.name for job in jobs.cancelled()]


def wait_for(jobs: BackfillJobs, wanted: list[str], cancelled: list[str]) -> None:
    wait_until(lambda: names(jobs) == (wanted, cancelled), message=f"{wanted} wanted, {cancelled} cancelled")


def test_jobs_are_known_in_the_order_in_which_they_were_asked_for(
    jobs: BackfillJobs, writer: ControlWriter
) -> None:
    ask(writer, "zeta", first=3)
    ask(writer, "alpha")
    writer.put("pause/someone", by="test", reason="")

    wait_for(jobs, ["zeta", "alpha"], [])

    (zeta, _) = jobs.wanted()
    assert (zeta.first, zeta.last, zeta.rate_limit, zeta.by) == (3, 9, None, "test")
    ask(writer, "zeta", "cancelled", first=3)
    wait_for(jobs, ["alpha"], ["zeta"])


def test_nothing_is_wanted_until_the_topic_is_known_to_its_end(
    jobs: BackfillJobs, writer: ControlWriter
) -> None:
    # Given a job that was taken back
    ask(writer, "old")
    writer.delete(backfill_key("old"))
    ask(writer, "new")

    # Then it is never seen, however the records arrive
    seen: set[str] = set()
    wait_until(lambda: seen.update(names(jobs)[0]) or seen, message="a job is wanted")
    assert seen == {"new"}


def test_a_job_that_is_over_is_taken_back_and_may_be_asked_for_again(
    jobs: BackfillJobs, writer: ControlWriter, settings: Settings
) -> None:
    ask(writer, "job")
    wait_for(jobs, ["job"], [])

    jobs.done("job")

    assert jobs.wanted() == ()
    control = ControlTopic(settings)
    control.read_to_end(60)
    assert dict(control.records) == {}
    control.close()
    ask(writer, "job", first=5)
    wait_for(jobs, ["job"], [])
    assert jobs.wanted()[0].first == 5


def test_a_record_that_is_no_job_is_left_out_and_told(
    jobs: BackfillJobs, writer: ControlWriter, caplog: pytest.LogCaptureFixture
) -> None:
    ask(writer, "odd", "perhaps")
    ask(writer, "job")

    wait_for(jobs, ["job"], [])

    assert "The backfill odd that test asked for is left out: state is neither wanted nor" in caplog.text


def test_a_topic_that_is_not_there_disturbs_nobody(jobs: BackfillJobs) -> None:
    assert names(jobs) == ([], [])
    jobs.done("job")
    assert names(jobs) == ([], [])


def test_a_job_that_cannot_be_taken_back_is_tried_again_later(
    kafka: Kafka,
    jobs: BackfillJobs,
    writer: ControlWriter,
    settings: Settings,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given a job that is over, and a topic that takes no records
    ask(writer, "job")
    wait_for(jobs, ["job"], [])
    kafka.admin.delete_topics([settings.stream.control_topic])[settings.stream.control_topic].result(60)
    wait_until(lambda: settings.stream.control_topic not in kafka.admin.list_topics(timeout=10).topics)

    # When it is reported, then that is tried once and not again for a while
    with caplog.at_level(logging.WARNING):
        jobs.done("job")
        jobs.done("job")
    assert caplog.text.count("Backfill job is over, but: control record backfill/job was not written") == 1
    assert [job.name for job in jobs.wanted()] == ["job"]

    # And it succeeds when there is a topic again
    ensure_topics(admin(settings), [TopicSpec(settings.stream.control_topic, 1, CONTROL_SETTINGS)])
    clock.now += RETRY_SECONDS
    jobs.done("job")
    assert jobs.wanted() == ()
