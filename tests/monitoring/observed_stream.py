"""A producer and two teams' consumers at work, and a real Prometheus that scrapes them."""

from __future__ import annotations

import json
import textwrap
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from support import Kafka, Process, wait_until

from shotgun_sandbox.ports import free_port
from shotgun_sandbox.site import SandboxSite, SiteOptions

# One plugin that works, one that needs a second try, puts events aside and is tried again, and one that stops.
ANIM = {
    "works": """
        from shotgun_consumer import on

        @on()
        def note(context):
            pass
    """,
    "breaks": """
        from shotgun_consumer import on

        @on(max_attempts=2, on_failure="dead_letter")
        def sometimes(context):
            if context.event["id"] % 5 == 0 and (context.attempt == 1 or context.event["id"] % 2):
                raise ValueError("a plugin's mistake")
    """,
    "stops": """
        from shotgun_consumer import on

        @on()
        def at_once(context):
            raise ValueError("a plugin's mistake")
    """,
    "cannot_load": "def registerCallbacks(reg)\n",
}
PROD = {"works": ANIM["works"]}


class PrometheusServer:
    """What a running Prometheus knows."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def is_ready(self) -> bool:
        with urllib.request.urlopen(f"{self._base}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that an expression has now. Raises HTTPError when Prometheus does not understand it."""
        answer = self._get("query", query=expr)
        if answer["resultType"] == "scalar":
            return [{"metric": {}, "value": answer["result"]}]
        found: list[dict[str, Any]] = answer["result"]
        return found

    def value(self, expr: str) -> float:
        """The value of the one series that an expression has, 0 when it has none."""
        return sum(float(series["value"][1]) for series in self.query(expr))

    def names(self) -> set[str]:
        """Every metric that it has stored."""
        return set(self._get("label/__name__/values"))

    def rules(self) -> list[dict[str, Any]]:
        """Its rules with their health."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: str) -> Any:
        url = f"{self._base}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]


@contextmanager
def observed_stream(folder: Path, kafka: Kafka, programs: Path, rules: Path) -> Iterator[PrometheusServer]:
    """Everything runs inside of it, and nothing outlives it."""
    with ExitStack() as closing:
        site = closing.enter_context(SandboxSite(SiteOptions(events=300, rate=20)))
        services = {
            ("producer", ""): {
                "producer": {"start": "earliest", "poll_interval": "100ms", "audit_interval": "2s"}
            },
            ("consumer", "anim"): {"consumer": _team(folder, "anim", ANIM)},
            ("consumer", "prod"): {"consumer": _team(folder, "prod", PROD)},
        }
        common = _common(site, kafka)
        ports = {}
        for (service, team), settings in services.items():
            ports[service, team] = free_port()
            http = {"host": "127.0.0.1", "port": ports[service, team]}
            config = folder / f"{service}{team}.yaml"
            config.write_text(yaml.safe_dump({**common, **settings, "http": http}))
            process = Process([f"shotgun-{service}", "run", "--config", str(config)], folder, None, None)
            closing.callback(process.kill)
        port = free_port()
        server = Process(_command(folder, programs, port, _config(folder, ports, rules)), folder, None, None)
        closing.callback(server.kill)
        prometheus = PrometheusServer(port)
        wait_until(prometheus.is_ready, message="Prometheus is ready")
        yield prometheus


def _team(folder: Path, name: str, plugins: Mapping[str, str]) -> dict[str, Any]:
    place = folder / name
    place.mkdir()
    for plugin, source in plugins.items():
        (place / f"{plugin}.py").write_text(textwrap.dedent(source))
    options = {"*": {"retry_backoff": "100ms"}}
    return {"team": name, "start": "earliest", "plugin_paths": [str(place)], "plugins": options}


def _common(site: SandboxSite, kafka: Kafka) -> dict[str, Any]:
    topic = kafka.topic("shotgun.events")
    return {
        "shotgun": {"url": site.url, "script_name": site.script_name, "api_key": site.api_key},
        "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
        "stream": {
            "topic": topic,
            "checkpoint_topic": f"{topic}.checkpoint",
            "control_topic": f"{topic}.control",
            "dead_letter_topic": f"{topic}.dead-letters",
        },
    }


def _config(folder: Path, ports: Mapping[tuple[str, str], int], rules: Path) -> Path:
    """One team with the labels that a cluster adds, the other without any."""
    labels = {
        "": {"namespace": "studio"},
        "anim": {"namespace": "studio", "team": "anim", "pod": "a"},
        "prod": {},
    }
    jobs = [
        {
            "job_name": service,
            "static_configs": [
                {"targets": [f"127.0.0.1:{port}"], "labels": labels[team]}
                for (of, team), port in ports.items()
                if of == service
            ],
        }
        for service in ("producer", "consumer")
    ]
    config = folder / "prometheus.yml"
    every = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config.write_text(yaml.safe_dump({"global": every, "rule_files": [str(rules)], "scrape_configs": jobs}))
    return config


def _command(folder: Path, programs: Path, port: int, config: Path) -> list[str]:
    return [
        str(programs / "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
