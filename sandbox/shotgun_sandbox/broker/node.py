"""Starts and stops the one Kafka node."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError

from ..ports import free_port, is_free
from ..supervised import SupervisedProcess
from .data import DataFolder, new_cluster_id
from .jars import Report, class_path
from .java import find_java
from .properties import NO_PROPERTIES, server_properties

_START_DEADLINE = 120.0  # seconds; three are usual
_STOP_DEADLINE = (
    4.0  # seconds for an orderly end, then it is killed: five in all is what the commands promise
)
_PORT_ATTEMPTS = 5
_PORT_LOST = "Address already in use"
_TAIL_LINES = 12
_FORMAT = ("kafka.tools.StorageTool", "format")
_JVM_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


def _keep_silent(text: str) -> None:
    del text


class Broker:
    """A real Apache Kafka on 127.0.0.1, owned by this process: it never outlives it, not even a `kill -9`.

    `data` is its folder: a broker started on the same folder again finds the same topics. Without one it lives in a
    temporary folder that `close` removes. `port` 0 takes any free port. The port is kept over restarts.
    `report` is told, a line at a time, what takes long (the first fetch of Kafka's jars). `properties` are settings of
    the broker by Kafka's names, beside or instead of the usual ones: an authorizer, shorter times. Ports and folder are
    not theirs to set.

    Use it as a context manager, or call `close` at the end. One owner: not to be shared between threads.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        environ: Mapping[str, str] = os.environ,
        report: Report = _keep_silent,
        properties: Mapping[str, str] = NO_PROPERTIES,
    ) -> None:
        self._path = data
        self._properties = properties
        self._port = port
        self._environ = environ
        self._report = report
        self._folder: DataFolder | None = None
        self._process: SupervisedProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`127.0.0.1:PORT`, for clients; known after the first `start`."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id of Kafka's Java; None when it does not run."""
        return self._process.pid if self._process is not None and self._process.exit_code is None else None

    @property
    def data(self) -> Path:
        """The data folder; known after the first `start`."""
        if self._folder is None:
            raise RuntimeError("the broker has not been started")
        return self._folder.path

    def start(self) -> None:
        """Start Kafka and return when it answers. Does nothing when it runs.

        Raises ConfigurationError (port, folder, Java) or KafkaRefusedError (the jars cannot be fetched, or Kafka does
        not start on this folder; the message ends with the last lines of its log).
        """
        if self.pid is not None:
            return
        self._end_process()
        if self._port and not is_free(self._port):
            raise _port_taken(self._port)
        java = str(find_java(self._environ))
        command = [java, *_JVM_OPTIONS, "-cp", class_path(self._environ, self._report)]
        if self._folder is None:
            self._folder = DataFolder(self._path)
        lock = self._folder.lock()
        self._report("Starting Apache Kafka")
        try:
            self._folder.start_new_log()
            self._format(self._folder, command, lock)
            self._start_on_a_port(self._folder, command, lock)
        except BaseException:
            self.kill()
            raise

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for Kafka to end, at most `timeout` seconds; its exit code, or None when it still runs."""
        return None if self._process is None else self._process.wait(timeout)

    def stop(self) -> None:
        """End Kafka in an orderly way; after four seconds kill it. The data stays."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)
            self._process.send(signal.SIGTERM)
            self._process.wait(_STOP_DEADLINE)
        self._end_process()

    def kill(self) -> None:
        """End Kafka with SIGKILL, as a power cut would. The data stays."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)
        self._end_process()

    def restart(self) -> None:
        """`stop`, then `start` on the same folder and port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze Kafka: connections stay open and nothing answers, until `resume`."""
        if self._process is not None:
            self._process.freeze()

    def resume(self) -> None:
        """Let a paused Kafka go on."""
        if self._process is not None:
            self._process.send(signal.SIGCONT)

    def close(self) -> None:
        """`stop`, and remove the data folder if it is a temporary one."""
        self.stop()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def last_words(self) -> str:
        """What to tell a user of a Kafka that has ended: the end of its log, and whether the disk is full."""
        return "" if self._folder is None else self._folder.last_words(_TAIL_LINES)

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines of what Kafka had to say in this run."""
        return "" if self._folder is None else self._folder.log_tail(lines)

    def __enter__(self) -> Broker:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _format(self, folder: DataFolder, command: list[str], lock: int) -> None:
        if folder.is_formatted:
            return
        folder.clear_new_logs()
        folder.write_properties(self._server_properties(free_port(), folder.new_logs))
        self._process = self._launch(
            folder,
            [*command, *_FORMAT, "--cluster-id", new_cluster_id(), "--config", str(folder.properties)],
            lock,
        )
        if self._process.wait(_START_DEADLINE) != 0:
            raise self._start_failure(folder, "Kafka could not format")
        self._process.close()
        folder.accept_new_logs()

    def _server_properties(self, port: int, logs: Path) -> str:
        return server_properties(
            port=port, controller_port=free_port(), log_folder=logs, extra=self._properties
        )

    def _start_on_a_port(self, folder: DataFolder, command: list[str], lock: int) -> None:
        for _ in range(_PORT_ATTEMPTS):
            port = self._port or free_port()
            folder.write_properties(self._server_properties(port, folder.logs))
            self._process = self._launch(folder, [*command, "kafka.Kafka", str(folder.properties)], lock)
            if self._answers(self._process, port):
                self._port = port
                return
            self._process.close()
            # Another process was quicker to take one of the two ports: try again with others.
            if _PORT_LOST not in folder.log_tail(200):
                raise self._start_failure(folder, "Kafka did not start on")
            if self._port and not is_free(self._port):
                raise _port_taken(self._port)
            folder.start_new_log()
        raise self._start_failure(folder, "Kafka found no free port and did not start on")

    def _launch(self, folder: DataFolder, command: list[str], lock: int) -> SupervisedProcess:
        return SupervisedProcess(
            command,
            # Messages are looked into, and folders named in any script must work: also where the locale is another one.
            {**self._environ, "LC_ALL": "C.UTF-8"},
            log=folder.log,
            held_file=lock,
            remove=folder.path if folder.temporary else None,
        )

    def _answers(self, process: SupervisedProcess, port: int) -> bool:
        deadline = time.monotonic() + _START_DEADLINE
        admin = AdminClient(
            {
                "bootstrap.servers": f"127.0.0.1:{port}",
                "log_level": 0,
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 100,
            }
        )
        while process.exit_code is None and time.monotonic() < deadline:
            try:
                # A broker that is still fenced answers, and does not name itself.
                if admin.list_topics(timeout=1).brokers:
                    return True
            except KafkaException:
                pass  # not yet
            time.sleep(0.05)
        return False

    def _start_failure(self, folder: DataFolder, what: str) -> KafkaRefusedError:
        return KafkaRefusedError(f"{what} {folder.path}. {folder.last_words(_TAIL_LINES)}")

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._folder is not None:
            self._folder.unlock()


def _port_taken(port: int) -> ConfigurationError:
    return ConfigurationError(
        f"port {port} is taken on 127.0.0.1; stop what listens there, or choose another: --port 0 takes any free one"
    )
