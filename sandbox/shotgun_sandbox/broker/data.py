"""The folder in which a node keeps its data."""

from __future__ import annotations

import base64
import fcntl
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from shotgun_runtime.errors import ConfigurationError

_LOCK = "broker.lock"
_LOCK_PATIENCE = 5.0  # seconds: a broker killed a moment ago still holds the lock until it is gone
_OURS = {_LOCK, "kafka", "kafka.new", "server.properties", "kafka.log", "kafka.log.1"}
_TAIL_BYTES = 64 * 1024
_FULL = 1024 * 1024  # bytes left: Kafka writes its index files in pieces larger than that


class DataFolder:
    """One node's folder, locked against a second one from `lock` to `unlock`.

    Without a path it is a temporary folder that `remove` takes away; a folder that was named is never removed.
    """

    def __init__(self, path: Path | None) -> None:
        self.temporary = path is None
        try:
            self.path = (
                Path(tempfile.mkdtemp(prefix="shotgun-sandbox-broker-")) if path is None else path.absolute()
            )
            self.path.mkdir(parents=True, exist_ok=True)
            strange = sorted(entry.name for entry in self.path.iterdir() if entry.name not in _OURS)
        except OSError as error:
            raise _unusable(path or Path(tempfile.gettempdir()), error) from error
        if strange and not self.is_formatted:
            raise ConfigurationError(
                f"the data folder {self.path} holds other files ({strange[0]}); name an empty or new one: --data DIR"
            )
        self._lock: int | None = None

    @property
    def logs(self) -> Path:
        """Where Kafka keeps its topics."""
        return self.path / "kafka"

    @property
    def new_logs(self) -> Path:
        """Where they are prepared, so that a format that was interrupted is not taken for a finished one."""
        return self.path / "kafka.new"

    @property
    def properties(self) -> Path:
        """The properties file of the node."""
        return self.path / "server.properties"

    @property
    def log(self) -> Path:
        """What Kafka and its Java had to say in the current run; the run before is beside it, as kafka.log.1."""
        return self.path / "kafka.log"

    @property
    def is_formatted(self) -> bool:
        """Whether a node has lived here already."""
        return (self.logs / "meta.properties").exists()

    def lock(self) -> int:
        """Take the folder for this process and those that inherit the file descriptor that is returned.

        Raises ConfigurationError when another broker has it, or when the folder cannot be written to.
        """
        try:
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unusable(self.path, error) from error
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self._lock
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    self.unlock()
                    raise ConfigurationError(
                        f"the data folder {self.path} is in use by another broker; "
                        "stop that one or name another folder: --data DIR"
                    ) from error
            time.sleep(0.05)

    def unlock(self) -> None:
        """Give the folder free, as soon as the processes that inherited the lock are gone too."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write_properties(self, text: str) -> None:
        """Write the properties file. Raises ConfigurationError when the folder does not take it."""
        try:
            self.properties.write_text(text, "ascii")
        except OSError as error:
            raise _unusable(self.path, error) from error

    def start_new_log(self) -> None:
        """Put the log of the run before aside."""
        if self.log.exists():
            self.log.replace(self.log.with_name("kafka.log.1"))

    def clear_new_logs(self) -> None:
        """Remove what an interrupted format left."""
        shutil.rmtree(self.new_logs, ignore_errors=True)

    def accept_new_logs(self) -> None:
        """What was prepared is complete: the folder is formatted."""
        self.new_logs.rename(self.logs)

    def last_words(self, lines: int) -> str:
        """What to tell a user of a Kafka that has ended: the end of its log, and whether the disk is full."""
        words = self.log_tail(lines)
        told = f"The last lines of its log:\n{words}" if words else "It left no word in its log."
        if shutil.disk_usage(self.path).free < _FULL:
            return f"The disk under {self.path} is full: make room there, or name another folder: --data DIR. {told}"
        return told

    def log_tail(self, lines: int) -> str:
        """The last lines of the log, without stack frames; "" when there is none."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return ""
        told = [line for line in text.splitlines() if not line.startswith("\t")]
        return "\n".join(told[-lines:])

    def remove(self) -> None:
        """Remove the folder if it is a temporary one."""
        if self.temporary:
            shutil.rmtree(self.path, ignore_errors=True)


def new_cluster_id() -> str:
    """A random cluster id as Kafka writes them: 16 bytes in URL-safe base 64, which must not look like an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the data folder {path} cannot be used: {error.strerror}; name a folder that you can write to: --data DIR"
    )
