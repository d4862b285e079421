"""The services of the demo: the very commands that a studio runs, as processes of their own."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from shotgun_runtime.errors import StreamError

from ..ports import free_port
from ..supervised import SupervisedProcess
from .scrape import Scrape, scrape

_READY_DEADLINE = 60.0  # seconds
_STOP_DEADLINE = 3.0  # seconds for an orderly end; the demo promises five in all


class Service:
    """One running service with its configuration, its log, and its metrics."""

    def __init__(
        self, name: str, module: str, settings: Mapping[str, Any], folder: Path, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self.port = free_port()
        self.log = folder / f"{name}.log"
        config = folder / f"{name}.yaml"
        config.write_text(
            yaml.safe_dump(
                {
                    **settings,
                    "logging": {"format": "json"},
                    "http": {"host": "127.0.0.1", "port": self.port},
                    "shutdown_timeout": "2s",
                }
            )
        )
        self._process = SupervisedProcess(
            [sys.executable, "-m", module, "run", "--config", str(config)],
            environ,
            log=self.log,
        )

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would look."""
        return f"http://127.0.0.1:{self.port}/metrics"

    def wait_ready(self) -> None:
        """Return when the service answers. Raises StreamError with its last log lines when it ends instead."""
        deadline = time.monotonic() + _READY_DEADLINE
        while not self.scrape().samples:
            if self._process.exit_code is not None or time.monotonic() > deadline:
                raise StreamError(f"the {self.name} did not start. Its last lines:\n{self.log_tail()}")
            time.sleep(0.1)

    def scrape(self) -> Scrape:
        """Its metrics now."""
        return scrape(self.port)

    def check_alive(self) -> None:
        """Raise StreamError with the last log lines when the service has ended by itself."""
        code = self._process.exit_code
        if code is not None:
            raise StreamError(
                f"the {self.name} ended with exit code {code}. Its last lines:\n{self.log_tail()}"
            )

    def terminate(self) -> None:
        """Ask it to end; `close` waits for that."""
        self._process.send(signal.SIGTERM)

    def close(self) -> None:
        """Wait for its end, and kill it if that takes too long."""
        self._process.wait(_STOP_DEADLINE)
        self._process.close()

    def log_tail(self, lines: int = 8) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


class PluginLines:
    """Follows a consumer's log and keeps the last line that each plugin wrote."""

    def __init__(self, log: Path) -> None:
        self._file = log.open(encoding="utf-8", errors="replace")
        self._rest = ""
        self.last: dict[str, str] = {}

    def read(self) -> None:
        """Take in what was written since the last call."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            try:
                record = json.loads(line)
                source, _, plugin = str(record["logger"]).partition(".")
            except (ValueError, KeyError, TypeError):
                continue
            if source == "plugin":
                self.last[plugin.split(".")[0]] = str(record.get("message", ""))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
