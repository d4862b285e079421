"""What the chart renders runs: each of its pods as a process, with the files, variables and command that it renders."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from laid_out import laid_out
from manifests import Pod, parse, pods, title
from rendering import case, with_values
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka

TOPICS = "Job/stream-shotgun-stream-topics"
PRODUCER = "Deployment/stream-shotgun-stream-producer"
TEAM = "Deployment/stream-shotgun-stream-consumer-anim"
PRODUCER_TEST = "Pod/stream-shotgun-stream-producer-doctor"
TEAM_TEST = "Pod/stream-shotgun-stream-consumer-anim-doctor"

KEEPER = """
from pathlib import Path

from shotgun_consumer import Context, on


@on()
def seen(context: Context) -> None:
    Path("NOTES", str(context.event["id"])).touch()
"""


@pytest.mark.timeout(180)
def test_every_pod_of_a_release_does_its_work(
    kafka: Kafka, spawn: Callable[..., Process], tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    with SandboxSite(SiteOptions(events=40)) as site:
        topic = kafka.topic("shotgun.events")
        values = {
            "config": {
                "shotgun": {"url": site.url, "script_name": site.script_name},
                "kafka": {"bootstrap_servers": kafka.bootstrap_servers},
                "stream": {
                    "topic": topic,
                    "checkpoint_topic": f"{topic}.checkpoint",
                    "control_topic": f"{topic}.control",
                    "dead_letter_topic": f"{topic}.dead-letters",
                },
                "producer": {"start": "earliest", "poll_interval": "100ms"},
                "consumer": {"start": "earliest"},
            },
            "kafka": {"groupPrefix": f"{topic}."},
            "topics": {"job": {"enabled": True}},
            "teams": {
                "anim": {
                    "plugins": {"configMap": {"files": {"keeper.py": KEEPER.replace("NOTES", str(notes))}}}
                }
            },
        }
        said = with_values("4", values, case("minimal-values.yaml"))
        assert said.code == 0, said.err
        objects = parse(said.out)
        by_name = {title(pod.owner): pod for pod in pods(objects)}
        assert set(by_name) == {TOPICS, PRODUCER, TEAM, PRODUCER_TEST, TEAM_TEST}
        secrets = {("shotgun-key", "api-key"): f"{site.api_key}\n"}

        def start(name: str) -> Process:
            pod = laid_out(objects, by_name[name], tmp_path / title(by_name[name].owner), secrets)
            return spawn(pod.command, env=pod.env)

        # As helm does: first the hook, then the release, then its tests.
        assert start(TOPICS).wait() == 0
        services = {name: start(name) for name in (PRODUCER, TEAM)}
        for name, process in services.items():
            wait_until(
                lambda name=name, process=process: _is_ready(by_name[name], process),
                message=f"{name} is ready",
            )
        wait_until(
            lambda: {path.name for path in notes.iterdir()} == set(map(str, site.admin.visible())),
            message="every event reached the team's plugin",
        )
        doctors = [start(PRODUCER_TEST), start(TEAM_TEST)]
        assert [doctor.wait() for doctor in doctors] == [0, 0], "\n".join(
            doctor.describe() for doctor in doctors
        )
        assert [process.terminate() for process in services.values()] == [0, 0]


def _is_ready(pod: Pod, process: Process) -> bool:
    """What the pod's own probe says."""
    (container,) = pod.spec["containers"]
    port = process.wait_for_line(r"served on port (\d+)").group(1)
    path = container["readinessProbe"]["httpGet"]["path"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False
