"""Kafka's class path: the one of KAFKA_HOME, or jars fetched once into the user's cache folder."""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError

KAFKA_VERSION = "4.1.1"
CACHE = "SHOTGUN_STREAM_CACHE"
# Kafka's own artifact names no logging backend: without one it would die in silence.
COORDINATES = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
)
_LIST = "jars.json"
_REFUSED_BY_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

Report = Callable[[str], None]
"""Is told, in a line of text, what takes long."""


def class_path(environ: Mapping[str, str], report: Report) -> str:
    """The class path of Kafka; fetches the jars into the cache folder when they are not there yet.

    Raises ConfigurationError when KAFKA_HOME holds no Kafka or the cache folder cannot be used,
    KafkaRefusedError when the jars cannot be fetched.
    """
    home = environ.get("KAFKA_HOME")
    if home:
        libraries = Path(home, "libs")
        if not any(libraries.glob("kafka_2.*.jar")):
            raise ConfigurationError(
                f"KAFKA_HOME={home} holds no libs/kafka_2.*.jar; name the folder of an unpacked Kafka, or unset it"
            )
        return str(libraries / "*")
    return str(_cached_jars(cache_folder(environ), report) / "*")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """SHOTGUN_STREAM_CACHE, else shotgun-stream in XDG_CACHE_HOME or ~/.cache."""
    own = environ.get(CACHE)
    if own:
        return Path(own)
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "shotgun-stream"


def is_complete(folder: Path) -> bool:
    """Whether the folder still holds every jar that was put there, in its full size."""
    try:
        sizes: dict[str, int] = json.loads((folder / _LIST).read_text("utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _cached_jars(cache: Path, report: Report) -> Path:
    folder = cache / f"kafka-{KAFKA_VERSION}"
    if is_complete(folder):
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"kafka-{KAFKA_VERSION}.lock", report):
            if not is_complete(folder):
                _fill(folder, report)
    except OSError as error:
        raise ConfigurationError(
            f"the cache folder {cache} cannot be used: {error.strerror}; name another one: {CACHE}=FOLDER"
        ) from error
    return folder


@contextmanager
def _locked(path: Path, report: Report) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Waiting for another process that is fetching Apache Kafka")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(folder: Path, report: Report) -> None:
    # The folder appears complete or not at all: it is filled beside its place, then renamed.
    for left_over in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as name:
        jars = Path(name, "jars")
        jars.mkdir()
        _fetch_with_retry(Path(name), jars, report)
        (jars / _LIST).write_text(
            json.dumps({jar.name: jar.stat().st_size for jar in jars.glob("*.jar")}), "utf-8"
        )
        shutil.rmtree(folder, ignore_errors=True)
        jars.rename(folder)


def _fetch_with_retry(scratch: Path, jars: Path, report: Report) -> None:
    if importlib.util.find_spec("jgo") is None:
        raise ConfigurationError(
            "the package jgo, which fetches Apache Kafka, is not installed: pip install 'shotgun-stream[sandbox]' "
            "(or set KAFKA_HOME to the folder of an unpacked Kafka)"
        )
    failure = _try_to_fetch(scratch / "first", jars, report)
    if failure is not None:
        # A new repository for the second try: a file that broke off in the middle would be taken for whole.
        report(f"Fetching Apache Kafka {KAFKA_VERSION} failed ({type(failure).__name__}); once more")
        failure = _try_to_fetch(scratch / "second", jars, report)
    if failure is not None:
        raise KafkaRefusedError(
            f"Apache Kafka {KAFKA_VERSION} cannot be fetched ({type(failure).__name__}). Check the network, or the "
            "repositories in jgo's configuration file; or set KAFKA_HOME to the folder of an unpacked Kafka; or copy "
            f"the folder kafka-{KAFKA_VERSION} from another machine's cache and name the folder it is in: {CACHE}=FOLDER"
        ) from failure


def _try_to_fetch(repository: Path, jars: Path, report: Report) -> Exception | None:
    try:
        _fetch(repository, jars, report)
    except Exception as error:  # jgo fails as its parser, the network or the disk happens to
        if isinstance(error, OSError) and error.errno in _REFUSED_BY_DISK:
            raise
        return error
    return None


def _fetch(repository: Path, jars: Path, report: Report) -> None:
    artifacts = _resolve(repository, report)
    tenth = max(1, len(artifacts) // 10)
    for done, artifact in enumerate(artifacts):
        if done % tenth == 0:
            report(f"Fetching Apache Kafka {KAFKA_VERSION}: {done} of {len(artifacts)} files")
        jar = Path(shutil.copy(artifact.resolve(), jars))
        with zipfile.ZipFile(jar) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"{jar.name} is damaged at {broken}")
    report(f"Fetched Apache Kafka {KAFKA_VERSION}")


def _resolve(repository: Path, report: Report) -> list[Any]:
    from jgo.config import GlobalSettings
    from jgo.maven import Dependency, MavenContext

    report(f"Fetching Apache Kafka {KAFKA_VERSION} (45 MB, once): finding out what it needs")
    user = GlobalSettings.load()
    context = MavenContext(
        repo_cache=repository,
        # Maven's own folder is read, never written: an interrupted fetch would leave half a file there.
        local_repos=[user.repo_cache],
        remote_repos=user.repositories or None,
        timeout=30,
    )
    wanted = [
        Dependency(context.project(group, name).at_version(version).artifact(), scope="compile")
        for group, name, version in COORDINATES
    ]
    direct, transitive = context.resolver.resolve(wanted)
    return [found.artifact for found in [*direct, *transitive] if found.scope in ("compile", "runtime")]
