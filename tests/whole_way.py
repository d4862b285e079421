"""Producer, consumer and site together, as a studio runs them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from support import Kafka, Process

from shotgun_sandbox.site import SandboxSite


class Services:
    """One producer and one consumer of one site, that can be killed and started again.

    `plugins` are sources by name; they find the folder for their notes in the environment variable NOTES.
    """

    def __init__(
        self,
        spawn: Callable[..., Process],
        kafka: Kafka,
        site: SandboxSite,
        folder: Path,
        plugins: Mapping[str, str],
        session_timeout_ms: int = 6000,
        **consumer: Any,
    ) -> None:
        self._spawn = spawn
        self.topic = kafka.topic("shotgun.events")
        self.notes = folder / "notes"
        self.notes.mkdir()
        plugin_folder = folder / "plugins"
        plugin_folder.mkdir()
        for name, source in plugins.items():
            (plugin_folder / f"{name}.py").write_text(textwrap.dedent(source))
        self._config = folder / "stream.yaml"
        self._config.write_text(
            yaml.safe_dump(
                {
                    "shotgun": {"url": site.url, "script_name": site.script_name, "api_key": site.api_key},
                    "kafka": {
                        "bootstrap_servers": kafka.bootstrap_servers,
                        # A killed member holds its partition for so long.
                        "consumer_properties": {
                            "session.timeout.ms": session_timeout_ms,
                            "heartbeat.interval.ms": 1000,
                        },
                    },
                    "stream": {
                        "topic": self.topic,
                        "checkpoint_topic": f"{self.topic}.checkpoint",
                        "control_topic": f"{self.topic}.control",
                    },
                    "producer": {"start": "earliest", "poll_interval": "100ms"},
                    "consumer": {
                        "team": self.topic,
                        "start": "earliest",
                        "plugin_paths": [str(plugin_folder)],
                        **consumer,
                    },
                    "http": {"host": "127.0.0.1", "port": 0},
                }
            )
        )

    def start(self, service: str) -> Process:
        command = [f"shotgun-{service}", "run", "--config", str(self._config)]
        return self._spawn(command, env={"NOTES": str(self.notes)})
