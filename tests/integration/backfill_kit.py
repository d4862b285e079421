"""A stand-in for the active producer: it only moves the checkpoint, as a producer that runs backfills would."""

from __future__ import annotations

import threading
from dataclasses import replace

from producer_kit import Bench
from prometheus_client import CollectorRegistry
from support import wait_until

from shotgun_producer.backfill.backfills import Backfills
from shotgun_producer.backfill.job import Job
from shotgun_producer.backfill.jobs import BackfillJobs
from shotgun_producer.election import Election, transactional_id_of
from shotgun_producer.metrics import Metrics
from shotgun_producer.publisher import Publisher
from shotgun_runtime.control import ControlWriter
from shotgun_runtime.kafka import admin, new_producer, producer_config
from shotgun_runtime.settings import Settings
from shotgun_runtime.stream_topics import stream_topics
from shotgun_runtime.topics import ensure_topics, topic_identity
from shotgun_schemas.checkpoint import Checkpoint, encode_checkpoint
from shotgun_schemas.control import backfill_key

START_HEAD = 30


class StandIn:
    """A stream that began behind event 30 and has come to event 40. `close` it."""

    def __init__(self, bench: Bench) -> None:
        self.settings = Settings(**bench.values)
        stream = self.settings.stream
        client = admin(self.settings)
        ensure_topics(client, stream_topics(stream))
        topic = topic_identity(client, stream.topic)
        self.checkpoint = Checkpoint(
            "i", bench.site.url, stream.topic, topic.topic_id, 1, 40, (), START_HEAD, ((25, 26),), (0,), 0.0
        )
        self.backfills = Backfills(START_HEAD, self.checkpoint.initial_holes)
        self.jobs = BackfillJobs(self.settings)
        config = producer_config(self.settings, transactional_id=transactional_id_of(self.settings))
        self._publisher = Publisher(
            new_producer(config),
            topic=stream.topic,
            checkpoint_topic=stream.checkpoint_topic,
            metrics=Metrics(CollectorRegistry()),
        )
        self._publisher.fence(threading.Event())
        self._election: Election | None = None
        self.commit()

    def commit(self) -> None:
        """Writes the checkpoint as it is now."""
        self.checkpoint = replace(self.checkpoint, backfills=self.backfills.snapshot())
        self._publisher.publish((), encode_checkpoint(self.checkpoint))

    def stand(self) -> None:
        """Be the active producer, for those who ask who it is."""
        self._election = Election(self.settings, threading.Event())
        self._election.join()
        wait_until(lambda: self._election and self._election.wait_for_term(1), message="elected")

    def ask(self, job: Job) -> None:
        """Writes a job as the command does."""
        writer = ControlWriter(self.settings)
        writer.put(backfill_key(job.name), by="test", reason="", **job.fields)
        writer.close()

    def wanted(self, name: str) -> Job:
        """Waits until the job of this name is wanted."""
        return wait_until(lambda: self._poll(self.jobs.wanted, name), message=f"{name} is wanted")

    def cancelled(self, name: str) -> Job:
        """Waits until the job of this name is to be cancelled."""
        return wait_until(lambda: self._poll(self.jobs.cancelled, name), message=f"{name} is cancelled")

    def begin(self, name: str) -> None:
        """Waits for the job and begins it."""
        job = self.wanted(name)
        self.backfills.begin(job.name, job.first, job.last)
        self.commit()

    def advance(self, until: int) -> None:
        """Covers the ids of the running job up to this one."""
        for first, last in list(self.backfills.segments()):
            if first <= until:
                self.backfills.take(first, min(last, until), [])
        self.commit()

    def end(self, name: str) -> None:
        """Takes the record of a job back that is over."""
        self.jobs.done(name)

    def close(self) -> None:
        if self._election is not None:
            term = self._election.wait_for_term(0)
            if term is not None:
                term.finished.set()
            self._election.close(10)
        self.jobs.close()
        self._publisher.close(10)

    def _poll(self, ask: object, name: str) -> Job | None:
        self.jobs.poll()
        assert callable(ask)
        return next((job for job in ask() if job.name == name), None)
