"""The running producer: election, sessions one after another, and what each kind of end leads to."""

from __future__ import annotations

import logging
import threading
import time

from prometheus_client import CollectorRegistry

from shotgun_runtime.backoff import Backoff
from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import DecisionNeededError, KafkaRefusedError, StreamError
from shotgun_runtime.health import Health
from shotgun_runtime.kafka import BrokerWatch, LastingAdmin, wait_for_broker
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Shutdown
from shotgun_runtime.stream_topics import stream_topics
from shotgun_runtime.topics import ensure_topics
from shotgun_schemas import codec
from shotgun_schemas.control import schema_key

from .audit.schedule import AuditSchedule
from .checkpoint_log import StoredCheckpoint, newest_checkpoint
from .election import Election, Term
from .errors import FencedError, HaltedError, RecycleError
from .log_reader import LogReader
from .metrics import Metrics
from .page_size import PageSize
from .rights_look import require_rights
from .session import Session
from .site_reader import SiteReader
from .site_voice import MainVoice
from .spare import Spare
from .stable_offset import StableOffsetWatch
from .surroundings import Surroundings

log = logging.getLogger(__name__)

DECISION_LOOK_SECONDS = 2.0
LONGEST_REFUSED_SECONDS = 30.0
CONTROL_SECONDS = 30.0
LEAVE_SECONDS = 5.0
_SEE_DOCTOR = "`shotgun-producer doctor` names what this user lacks"


class ProducerService:
    """Reads one site and publishes it until the stop is requested.

    `run` returns after a clean stop. It raises StreamError for what no repetition heals at the start: a refused
    login, settings that contradict the topics, a start position that does not exist.
    """

    def __init__(
        self, settings: Settings, shutdown: Shutdown, health: Health, registry: CollectorRegistry
    ) -> None:
        self._settings = settings
        self._shutdown = shutdown
        self._health = health
        self._metrics = Metrics(registry)
        self._watch = BrokerWatch(settings.kafka.bootstrap_servers, self._metrics.kafka.take)
        self._metrics.kafka.follow(lambda: self._watch.broken)
        admin = LastingAdmin(settings)
        self._stable_offset = StableOffsetWatch(
            admin, settings.stream.topic, self._metrics.last_stable_offset_lag
        )
        self._around = Surroundings(
            settings=settings,
            site=SiteReader(
                settings.shotgun, self._metrics, MainVoice(settings.shotgun.url, self._metrics, health)
            ),
            admin=admin,
            watch=self._watch,
            spare=Spare(settings, self._watch),
            metrics=self._metrics,
            health=health,
            page_size=PageSize(),
            stable_offset=self._stable_offset,
            audits=AuditSchedule(settings.producer.audit_interval),
        )
        self._election = Election(settings, shutdown.requested, self._watch)
        self._backoff = Backoff(initial=0.2, maximum=15.0)
        self._refusals = Backoff(initial=1.0, maximum=LONGEST_REFUSED_SECONDS)
        self._refused_at = 0.0
        self._has_led = False

    def run(self) -> None:
        """See the class."""
        try:
            self._prepare()
            self._election.join()
            while not self._shutdown.requested.is_set():
                self._stand_by()
        except HaltedError:
            pass
        finally:
            self._election.close(min(LEAVE_SECONDS, self._shutdown.deadline.remaining() / 2))
            self._around.spare.close()
            self._around.site.close()
        log.info("Stopped")

    def _prepare(self) -> None:
        """Looks at the site once, makes the topics, and makes the schema known. Waits for the brokers."""
        self._around.site.greet(self._shutdown.requested)
        self._health.set_not_ready("waiting for Kafka")
        self._make_topics()

    def _make_topics(self) -> None:
        while not self._shutdown.requested.is_set():
            if not wait_for_broker(self._around.admin, self._shutdown):
                break
            try:
                self._prepare_topics()
                self._make_schema_known()
            except KafkaRefusedError:
                raise
            except StreamError as error:
                log.warning("%s. Trying again", error)
                self._around.admin.renew()
                self._shutdown.wait(self._backoff.pause())
            else:
                self._backoff.reset()
                return
        raise HaltedError

    def _prepare_topics(self) -> None:
        client, stream = self._around.client, self._settings.stream
        # Before, because a topic that this user may not see looks as if it were missing; after, for those just made.
        require_rights(client, self._settings)
        ensure_topics(client, stream_topics(stream), stream.replication_factor)
        require_rights(client, self._settings)

    def _make_schema_known(self) -> None:
        key = schema_key(codec.FINGERPRINT)
        control = ControlTopic(self._settings, watch=self._watch)
        try:
            control.read_to_end(CONTROL_SECONDS)
            is_known = control.get(key) is not None
        finally:
            control.close()
        if is_known:
            return
        writer = ControlWriter(self._settings, watch=self._watch)
        try:
            writer.put(
                key, by="shotgun-producer", reason="events are written with it", schema=codec.SCHEMA.text
            )
        finally:
            writer.close()

    def _stand_by(self) -> None:
        """Waits for the election, and serves the term."""
        self._stable_offset.look()
        if self._watch.broken:
            self._health.set_not_ready("standing by, but Kafka cannot be reached")
        elif not self._health.ready[0]:
            log.info("Standing by: another instance may be active")
            self._health.set_ready()
        self._around.spare.keep_ready()
        try:
            term = self._election.wait_for_term(0.5)
        except KafkaRefusedError as error:
            self._after_refusal(error, self._shutdown.requested)
            return
        if term is None:
            return
        log.info("Elected: this instance publishes")
        self._metrics.elections.inc()
        self._health.set_not_ready("elected; reading the checkpoint")
        try:
            self._serve(term)
        finally:
            term.finished.set()

    def _serve(self, term: Term) -> None:
        while not term.halt.is_set():
            session = Session(self._around, term.halt, term.finished)
            try:
                self._run(session)
            except HaltedError:
                break
            except FencedError as error:
                self._after_fence(term, error)
                return
            except DecisionNeededError as error:
                self._wait_for_decision(term, error)
                return
            except RecycleError as error:
                self._after_failure(term, session, error)
            except KafkaRefusedError as error:
                self._after_refusal(error, term.halt)
        if not self._shutdown.requested.is_set():
            log.warning("No longer elected: publishing has stopped")
            self._health.set_not_ready("no longer elected")

    def _run(self, session: Session) -> None:
        try:
            session.run()
        finally:
            self._has_led = self._has_led or session.has_polled

    def _after_refusal(self, error: KafkaRefusedError, halt: threading.Event) -> None:
        """At the start the process ends with it; later somebody may grant back what was taken away."""
        if not self._has_led:
            raise KafkaRefusedError(f"{error}. {_SEE_DOCTOR}") from None
        log.error("%s. Nothing is published until that is mended. %s", error, _SEE_DOCTOR)
        self._health.set_not_ready(str(error))
        if time.monotonic() - self._refused_at > 2 * LONGEST_REFUSED_SECONDS:
            self._refusals.reset()
        halt.wait(self._refusals.pause())
        self._refused_at = time.monotonic()

    def _after_failure(self, term: Term, session: Session, error: RecycleError) -> None:
        self._metrics.recycles.labels(error.reason).inc()
        if session.has_polled:
            self._backoff.reset()
        log.warning("Starting over from the checkpoint: %s", error)
        self._health.set_not_ready(f"starting over: {error}")
        self._around.admin.renew()
        term.halt.wait(self._backoff.pause())

    def _after_fence(self, term: Term, error: FencedError) -> None:
        """Never fences back: two instances would do that to each other for ever."""
        self._metrics.fenced.inc()
        self._metrics.recycles.labels("fenced").inc()
        log.warning("Fenced: %s. Leaving the election and standing again", error)
        self._health.set_not_ready("fenced by another instance")
        term.finished.set()
        self._election.leave()
        self._shutdown.wait(self._backoff.pause())
        self._election.join()

    def _wait_for_decision(self, term: Term, error: DecisionNeededError) -> None:
        """Publishes nothing, and lets go of the election so that the deciding command can have it."""
        log.error("Waiting for a decision: %s", error)
        self._health.set_not_ready(f"waiting for a decision: {error}")
        self._metrics.waiting_for_decision.set(1)
        term.finished.set()
        self._election.leave()
        try:
            self._wait_for_another_checkpoint()
        finally:
            self._metrics.waiting_for_decision.set(0)
        log.info("The checkpoint was changed: going on")
        self._health.set_not_ready("starting over after a decision")
        try:
            self._make_topics()
        except KafkaRefusedError as refusal:
            self._after_refusal(refusal, self._shutdown.requested)
        self._election.join()

    def _wait_for_another_checkpoint(self) -> None:
        halt = self._shutdown.requested
        topic = self._settings.stream.checkpoint_topic
        reader = LogReader.open(self._settings, halt, self._watch)
        judged: list[StoredCheckpoint | None] = []
        try:
            while not halt.wait(DECISION_LOOK_SECONDS if judged else 0):
                self._stable_offset.look()
                try:
                    judged.append(newest_checkpoint(reader, topic))
                except (RecycleError, KafkaRefusedError) as error:
                    log.debug("reading the checkpoint: %s", error)
                if len(judged) > 1 and judged.pop() != judged[0]:
                    return
        finally:
            reader.close()
        raise HaltedError
