"""Fetching Kafka's jars: from the user's own repository, whole or not at all, once for all processes."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support import PATIENCE, Process, wait_until

from shotgun_sandbox.broker.jars import class_path, pinned_jars

pytestmark = pytest.mark.kafka

FETCH = (
    "import os; from shotgun_runtime.errors import StreamError; from shotgun_sandbox.broker.jars import class_path\n"
    "try: print('class path', class_path(os.environ, print))\n"
    "except StreamError as error: print('error:', error); raise SystemExit(error.exit_code)\n"
)


class Repository:
    """A Maven repository on loopback that serves the jars of the session's cache."""

    def __init__(self, jars: Path) -> None:
        self.requests: Counter[str] = Counter()
        self.damaged: str | None = None
        self.held: str | None = None
        self.release = threading.Event()
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                repository.requests[name] += 1
                if name == repository.held:
                    repository.release.wait(PATIENCE)
                if not (jars / name).is_file():
                    self.send_error(404)
                    return
                body = b"damaged" if name == repository.damaged else (jars / name).read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def repository(kafka_installation: None) -> Iterator[Repository]:
    serving = Repository(Path(class_path(os.environ, print)).parent)
    yield serving
    serving.close()


@pytest.fixture
def fetch(repository: Repository, spawn: Callable[..., Process], tmp_path: Path) -> Callable[[], Process]:
    """Starts a process that wants the class path, with an empty cache and the user's repository configured."""
    configuration = tmp_path / "jgo.conf"
    configuration.write_text(
        f"[repositories]\ncentral = http://127.0.0.1:{repository.server.server_port}/maven\n"
    )
    env = {
        "SHOTGUN_STREAM_CACHE": str(tmp_path / "cache"),
        "JGO_CONFIG_FILE": str(configuration),
        "NO_PROXY": "127.0.0.1",
    }
    return lambda: spawn([sys.executable, "-c", FETCH], env=env)


@pytest.fixture(autouse=True)
def _own_class_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if "KAFKA_HOME" in os.environ:
        pytest.skip("KAFKA_HOME is set: nothing is fetched")


def _cached(tmp_path: Path) -> list[Path]:
    return [entry for entry in (tmp_path / "cache").iterdir() if entry.is_dir()]


def test_jars_come_from_the_users_repository_and_only_once(
    fetch: Callable[[], Process], repository: Repository, tmp_path: Path
) -> None:
    assert fetch().wait() == 0
    [folder] = _cached(tmp_path)
    assert {jar.name for jar in folder.iterdir()} == {jar.file_name for jar in pinned_jars()}
    asked = sum(repository.requests.values())

    assert fetch().wait() == 0

    assert sum(repository.requests.values()) == asked > 0


def test_a_damaged_jar_is_refused_by_name_and_nothing_is_kept(
    fetch: Callable[[], Process], repository: Repository, tmp_path: Path
) -> None:
    repository.damaged = pinned_jars()[3].file_name
    process = fetch()
    assert process.wait() == 4
    assert f"error: {repository.damaged} of Apache Kafka" in process.stdout
    assert repository.requests[repository.damaged] == 3
    assert _cached(tmp_path) == []


def test_a_killed_fetch_leaves_no_half_cache_and_the_next_one_completes_it(
    fetch: Callable[[], Process], repository: Repository, tmp_path: Path
) -> None:
    # Given a fetch that is killed in the middle
    held = pinned_jars()[20].file_name
    repository.held = held
    first = fetch()
    wait_until(lambda: repository.requests[held], message="half of the jars are there")
    first.kill()
    assert [folder.name for folder in _cached(tmp_path) if not folder.name.startswith(".")] == []
    # When it is tried again
    repository.release.set()
    assert fetch().wait() == 0
    # Then the cache is whole, and what the first one left is gone
    [folder] = _cached(tmp_path)
    assert len(list(folder.glob("*.jar"))) == len(pinned_jars())


def test_of_two_processes_at_once_one_fetches_and_the_other_waits(
    fetch: Callable[[], Process], repository: Repository
) -> None:
    repository.held = pinned_jars()[20].file_name
    first = fetch()
    wait_until(lambda: repository.requests[repository.held or ""], message="the first one is fetching")
    second = fetch()
    second.wait_for_line("Waiting for another process")
    repository.release.set()
    assert (first.wait(), second.wait()) == (0, 0)
    jars = [jar.file_name for jar in pinned_jars()]
    assert {repository.requests[name] for name in jars} == {1}
