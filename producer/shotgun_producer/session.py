"""One spell of publishing: fence, open, then the main loop until something ends it."""

from __future__ import annotations

import threading

from .errors import HaltedError
from .event_log import EventLog
from .log_reader import LogReader
from .main_loop import MainLoop
from .opening import Opening
from .progress import Progress
from .publisher import Publisher
from .surroundings import Surroundings

CLOSE_SECONDS = 10.0


class Session:
    """Publishes until it must stop. Used once; everything that it knows comes from the checkpoint.

    `run` never returns normally. It raises HaltedError when `halt` is set, and sets `finished` as soon as nothing more
    can be published; FencedError, RecycleError, DecisionNeededError, and what refuses for good: SiteRefusedError,
    KafkaRefusedError, ConfigurationError.
    """

    def __init__(self, around: Surroundings, halt: threading.Event, finished: threading.Event) -> None:
        self._around = around
        self._finished = finished
        self._halt = halt
        self._events = EventLog(around.site, halt)
        self._loop: MainLoop | None = None

    @property
    def has_polled(self) -> bool:
        """Whether the site has answered a poll: the way to the first one was free."""
        return self._loop is not None and self._loop.has_polled

    def run(self) -> None:
        """See the class."""
        around = self._around
        settings = around.settings
        stream = settings.stream
        publisher = Publisher(
            around.spare.take(),
            topic=stream.topic,
            checkpoint_topic=stream.checkpoint_topic,
            metrics=around.metrics,
        )
        try:
            publisher.fence(self._halt)
            self._loop = MainLoop(around, self._events, publisher, self._open(publisher), self._halt)
            around.metrics.active.set(1)
            around.health.set_ready()
            self._loop.run()
        except HaltedError:
            # Nothing is open: the next one may be elected while this one still closes.
            self._finished.set()
            raise
        finally:
            around.metrics.active.set(0)
            publisher.close(min(CLOSE_SECONDS, settings.shutdown_timeout / 2))

    def _open(self, publisher: Publisher) -> Progress:
        around = self._around
        reader = LogReader.open(around.settings, self._halt, around.watch, around.client)
        try:
            opening = Opening(around.settings, around.client, reader, self._events, around.metrics)
            return opening.open(publisher, self._halt)
        finally:
            reader.close()
