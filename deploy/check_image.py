"""Runs the container image as the chart runs it, on a local Kafka and a simulated site: `make image-check`.

Needs docker or podman, and an image that `make image` has built. Producer and consumer run as user 65532 with a
read-only file system, no capabilities and no way to more rights; they must work, be measured, and stop in order.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from build_image import version
from engines import RUNNERS, NoEngineError, find_engine

from shotgun_sandbox.broker import Broker

T = TypeVar("T")
USER = "65532"
PATIENCE = 120.0
PLUGIN = """\
import time
def registerCallbacks(reg):
    reg.registerCallback(None, None, note)
def note(sg, logger, event, args):
    logger.info("begin %d", event["id"])
    time.sleep(0.5)
    logger.info("end %d", event["id"])
"""
# Run in the image: prints what of its surroundings is as the chart wants it, and what is not.
INSIDE = """\
import importlib.util, json, os, pathlib, shutil
def refuses(path):
    try:
        pathlib.Path(path, "x").write_text("x")
    except OSError:
        return True
status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
found = {
    "user and group": (os.getuid(), os.getgid()) == (65532, 65532),
    "no capabilities": int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0,
    "no new privileges": status["NoNewPrivs"].strip() == "1",
    "read-only": all(map(refuses, ("/", "/opt/shotgun-stream", "/var/tmp", "/run"))),
    "/tmp": not refuses("/tmp"),
    "no compiler": not any(map(shutil.which, ("cc", "gcc", "g++", "clang", "ld", "make"))),
    "no sandbox": importlib.util.find_spec("shotgun_sandbox") is None and not shutil.which("shotgun-sandbox"),
    "byte code": importlib.util.find_spec("shotgun_runtime.kafka").cached is not None
    and pathlib.Path(importlib.util.find_spec("shotgun_runtime.kafka").cached).exists(),
}
print(json.dumps(found))
"""


class CheckError(Exception):
    """Something is not as promised."""


def require(condition: object, what: str) -> None:
    if not condition:
        raise CheckError(f"not as promised: {what}")
    print(f"ok: {what}", flush=True)


def wait_for(answer: Callable[[], T], what: str) -> T:
    """Ask until the answer is true. Raises CheckError when that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if found := answer():
                return found
        time.sleep(0.1)
    raise CheckError(f"not within {PATIENCE:g} s: {what}")


class Image:
    """The image, run by an engine under the chart's security settings. Removes its containers at the end."""

    def __init__(self, engine: str, image: str, options: list[str]) -> None:
        self.engine = engine
        self.image = image
        self._names: list[str] = []
        self._options = [
            *("--network", "host", "--user", f"{USER}:{USER}", "--read-only", "--tmpfs", "/tmp"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            # Else podman lends a read-only container three more folders to write to.
            *(("--read-only-tmpfs=false",) if engine == "podman" else ()),
            *options,
        ]

    def call(self, *arguments: str) -> str:
        """What the engine prints. Raises CheckError when it fails."""
        done = subprocess.run([self.engine, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CheckError(
                f"{self.engine} {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}"
            )
        return done.stdout + done.stderr

    def once(self, *command: str) -> str:
        """Run a command to its end."""
        return self.call("run", "--rm", *self._options, self.image, *command)

    def start(self, *command: str, env: dict[str, str], mounts: tuple[str, ...] = ()) -> Container:
        """Run a command in the background."""
        name = f"image-check-{uuid.uuid4().hex[:8]}"
        self._names.append(name)
        variables = [f"--env={key}={value}" for key, value in env.items()]
        volumes = [f"--volume={mount}" for mount in mounts]
        self.call(
            "run", "--detach", "--name", name, *self._options, *variables, *volumes, self.image, *command
        )
        return Container(self, name)

    def close(self) -> None:
        """Remove what is left."""
        for name in self._names:
            subprocess.run([self.engine, "rm", "--force", name], capture_output=True, check=False)


class Container:
    """A service that runs in the background."""

    def __init__(self, image: Image, name: str) -> None:
        self._image = image
        self.name = name

    @property
    def log(self) -> str:
        return self._image.call("logs", self.name)

    def get(self, path: str) -> str:
        """What its endpoint answers; OSError while it does not, or is not ready."""
        found = re.search(r"served on port (\d+)", self.log)
        if found is None:
            raise OSError("it does not listen yet")
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def value(self, metric: str) -> float:
        """The sum of a metric's series."""
        lines = re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", self.get("/metrics"), re.MULTILINE)
        return sum(map(float, lines))

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, and return the exit code."""
        self._image.call("kill", "--signal", signal.SIGTERM.name, self.name)
        return int(self._image.call("wait", self.name).split()[-1])


@contextlib.contextmanager
def site() -> Iterator[dict[str, str]]:
    """A simulated site with a few events a second, and how to log in."""
    command = [str(Path(sys.executable).with_name("shotgun-sandbox")), "site", "--port", "0"]
    process = subprocess.Popen([*command, "--events", "50", "--rate", "5"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def check(image: Image, env: dict[str, str], plugins: Path) -> None:
    """All checks. Raises CheckError with the first that fails."""
    [found] = json.loads(image.call("image", "inspect", image.image))
    config = found["Config"]
    require(
        config["User"] == f"{USER}:{USER}" and not config.get("Entrypoint"),
        "it names its user, no entry point",
    )
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in config["Labels"].items()}
    require(
        labels["version"] == version() and labels["revision"] != "unknown", "its labels tell what was built"
    )
    said = image.once()
    require("shotgun-producer" in said and "shotgun-consumer" in said, "without a command it prints help")
    for what, good in json.loads(image.once("python", "-c", INSIDE)).items():
        require(good, f"inside: {what}")

    producer = image.start("shotgun-producer", "run", env=env)
    wait_for(lambda: producer.get("/readyz"), "the producer is ready")
    wait_for(lambda: producer.value("shotgun_producer_events_published_total") > 0, "the producer publishes")
    require(producer.value("shotgun_producer_build_info") == 1, "the producer works, and serves /metrics")

    team = {
        **env,
        "SHOTGUN_STREAM_CONSUMER__TEAM": "anim",
        "SHOTGUN_STREAM_CONSUMER__PLUGIN_PATHS": "/plugins",
    }
    mount = f"{plugins}:/plugins:ro"
    ended: list[int] = []
    for number in (1, 2):
        consumer = image.start("shotgun-consumer", "run", env=team, mounts=(mount,))
        wait_for(lambda one=consumer: len(re.findall(r"\bend \d+", one.log)) >= 3, "the plugin gets events")
        require(
            consumer.value("shotgun_consumer_build_info") == 1,
            f"consumer {number} works, and serves /metrics",
        )
        begun = len(re.findall(r"\bbegin \d+", consumer.log))
        wait_for(
            lambda one=consumer, n=begun: len(re.findall(r"\bbegin \d+", one.log)) > n, "a callback runs"
        )
        require(consumer.stop() == 0, f"consumer {number} ends with 0 on SIGTERM")
        began, done = (re.findall(rf"\b{word} (\d+)", consumer.log) for word in ("begin", "end"))
        require(began == done, f"consumer {number} has drained: what had begun has ended")
        ended += map(int, done)
    require(len(set(ended)) == len(ended), "the second consumer repeats nothing that the first has done")

    require(producer.stop() == 0, "the producer ends with 0 on SIGTERM")
    require("Stopped" in producer.log, "the producer has stopped in order")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", default=f"shotgun-stream:{version()}", help="(default: %(default)s)")
    parser.add_argument("--engine", choices=RUNNERS, help="Use this one, and not the first that works.")
    parser.add_argument(
        "--options", default="", help="More options for `run`, such as '--ulimit nofile=1024:1024'."
    )
    options = parser.parse_args()
    try:
        engine = find_engine([options.engine] if options.engine else RUNNERS)
    except NoEngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    image = Image(engine, options.image, shlex.split(options.options))
    with tempfile.TemporaryDirectory() as folder, Broker() as broker, site() as login:
        plugins = Path(folder)
        plugins.chmod(0o755)
        (plugins / "note.py").write_text(PLUGIN)
        env = {
            "SHOTGUN_STREAM_SHOTGUN__URL": login["url"],
            "SHOTGUN_STREAM_SHOTGUN__SCRIPT_NAME": login["script_name"],
            "SHOTGUN_STREAM_SHOTGUN__API_KEY": login["api_key"],
            "SHOTGUN_STREAM_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "SHOTGUN_STREAM_HTTP__PORT": "0",
            "SHOTGUN_STREAM_PRODUCER__START": "earliest",
            "SHOTGUN_STREAM_CONSUMER__START": "earliest",
        }
        try:
            check(image, env, plugins)
        except CheckError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        finally:
            image.close()
    print(f"{options.image} is as promised, under {engine}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
