"""`migrate` takes over a classic daemon: each plugin goes on where it was."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

CONF = """
[daemon]
eventIdFile: {state}
[shotgun]
server: http://127.0.0.1:9
name: daemon
key: %(SG_ED_API_KEY)s
use_session_uuid: True
[plugins]
paths: {folder}/
[emails]
enabled: False
"""
EXPIRY = datetime(2026, 1, 21, 19, 47, 33)  # noqa: DTZ001 - as the daemon wrote it


class Installation:
    """A classic daemon beside a team: its plugins, its configuration, its state file."""

    def __init__(self, folder: Path, team: Team) -> None:
        self.team = team
        self.output = folder / "new.yaml"
        self.usual_output = folder / "anim.yaml"
        self.state = folder / "daemon.id"
        self.conf = folder / "daemon.conf"
        self.conf.write_text(CONF.format(state=self.state, folder=team.folder))

    def stopped_at(self, **plugins: Any) -> None:
        self.state.write_bytes(pickle.dumps({str(self.team.folder): plugins}, 2))

    def migrate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.team.command("migrate", "--conf", str(self.conf), *arguments)


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def classic(
    stream: EventStream,
    tmp_path: Path,
    spawn: Callable[..., Process],
    monkeypatch: pytest.MonkeyPatch,
) -> Installation:
    monkeypatch.setenv("SG_ED_API_KEY", "a-secret")
    monkeypatch.chdir(tmp_path)  # Where the new configuration goes when nothing is said.
    team = Team(tmp_path, stream, spawn)
    team.note_taker("notify")
    team.note_taker("report")
    return Installation(tmp_path, team)


def test_plugins_go_on_where_the_daemon_was(classic: Installation, stream: EventStream) -> None:
    # Given a daemon that was through with 104 but for 102, and had a plugin that had failed at 101
    classic.stopped_at(notify=(104, {102: EXPIRY}), report=(100, {}))
    # And a stream with these events, in another order
    for number in (99, 100, 101, 103, 102, 105, 104, 106):
        stream.publish([event(number)])
    # When it is looked at, and then taken over
    dry = classic.migrate("--dry-run", "--json", "--output", str(classic.output))
    assert dry.returncode == 0, dry.stderr
    assert not classic.output.exists()
    assert stream.committed(classic.team.group("notify")) == {0: -1001}
    notify, report = json.loads(dry.stdout)["plugins"]
    assert (notify["plugin"], notify["last"], notify["awaited"]) == ("notify", 104, [102])
    assert (notify["position"]["unfinished"], report["position"]["unfinished"]) == (3, 6)
    done = classic.migrate("--yes", "--output", str(classic.output))
    assert done.returncode == 0, done.stderr
    # Then each plugin runs what was not done, and nothing that was
    classic.team.run().wait_ready()
    wait_until(lambda: len(classic.team.notes("report")) == 6)
    stream.wait_for_no_lag(classic.team.group("notify"), classic.team.group("report"))
    assert classic.team.notes("notify") == [102, 105, 106]
    assert classic.team.notes("report") == [101, 103, 102, 105, 104, 106]
    # And the new configuration has everything but the secret from the environment, for its owner alone
    made = yaml.safe_load(classic.output.read_text())
    assert made["consumer"]["plugin_paths"] == [f"{classic.team.folder}/"]
    assert made["stream"]["topic"] == stream.topic
    assert "a-secret" not in classic.output.read_text()
    assert classic.output.stat().st_mode & 0o077 == 0


def test_what_is_there_is_not_replaced_unasked(classic: Installation, stream: EventStream) -> None:
    classic.stopped_at(notify=(1, {}))
    stream.publish(event(number) for number in (1, 2, 3))
    classic.output.write_text("mine")
    refused = classic.migrate("--yes", "--output", str(classic.output))
    assert refused.returncode == 2
    assert f"{classic.output} exists" in refused.stderr
    assert classic.output.read_text() == "mine"
    pipe = classic.output.with_name("pipe")
    os.mkfifo(pipe)
    no_file = classic.migrate("--yes", "--force", "--output", str(pipe))
    assert no_file.returncode == 2
    assert f"{pipe} is no file" in no_file.stderr
    assert pipe.is_fifo()
    own = classic.migrate("--yes", "--force", "--output", str(classic.team.config()))
    assert own.returncode == 2
    assert "is the configuration of this very command" in own.stderr
    # A second run finds all in its place
    for _ in range(2):
        again = classic.migrate("--yes")
        assert again.returncode == 0, again.stderr
        assert "start with: shotgun-consumer run --config anim.yaml" in again.stdout
        assert "anim" in classic.usual_output.read_text()
    # But once the group has gone on, the old position is an old one
    classic.stopped_at(notify=(2, {}))
    old = classic.migrate("--yes")
    assert old.returncode == 2
    assert "--force replaces it" in old.stderr
    assert stream.committed(classic.team.group("notify")) == {0: 1}
    assert classic.migrate("--yes", "--force", "--output", str(classic.output)).returncode == 0
    assert stream.committed(classic.team.group("notify")) == {0: 2}
    assert "anim" in classic.output.read_text()
    assert "mine" not in classic.output.read_text()


def test_a_stream_that_does_not_reach_far_enough_is_refused(
    classic: Installation, stream: EventStream
) -> None:
    classic.stopped_at(notify=(110, {}), report=(104, {102: EXPIRY}))
    empty = classic.migrate("--yes")
    assert empty.returncode == 5
    assert "'start: 102'" in empty.stderr
    # The stream begins behind what one plugin needs
    stream.publish([event(105)])
    short = classic.migrate("--yes")
    assert short.returncode == 5
    assert f"{classic.team.group('report')}: the topic does not reach back to event 102" in short.stderr
    assert "shotgun-producer backfill --from 102 --to 104" in short.stderr
    # And has not come as far as another one was
    assert f"{classic.team.group('notify')}: the topic has only come to event 105" in short.stderr
    assert stream.committed(classic.team.group("notify")) == {0: -1001}


def test_without_kafka_a_dry_run_shows_what_was_read(classic: Installation) -> None:
    classic.stopped_at(notify=(104, {102: EXPIRY}), gone=(3, {}))
    shown = classic.migrate("--dry-run", "--set", "kafka.bootstrap_servers=")
    assert shown.returncode == 0, shown.stderr
    table = [line.split() for line in shown.stdout.splitlines()]
    assert ["notify", classic.team.group("notify"), "104", "1", "from", "102"] in table
    assert "its file is no longer there" in shown.stdout
    assert "report" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--state", "/nowhere"], 2, "state file /nowhere cannot be read"),
        (["--conf", "/nowhere"], 2, "/nowhere cannot be read"),
        (["--folder", "/elsewhere"], 2, "--folder /elsewhere is none of the paths"),
        (["--set", "consumer.team="], 2, "no team is given"),
        (["--set", "kafka.bootstrap_servers="], 2, "kafka.bootstrap_servers is missing"),
        ([], 5, "add --yes"),
    ],
)
def test_a_mistake_of_migrate_gets_one_message(
    classic: Installation, stream: EventStream, arguments: list[str], code: int, words: str
) -> None:
    classic.stopped_at(notify=(1, {}))
    stream.publish([event(1)])
    done = classic.migrate(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
