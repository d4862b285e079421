"""Kafka's class path: the one of KAFKA_HOME, or jars fetched once into the user's cache folder."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError

KAFKA_VERSION = "4.1.1"
CACHE = "SHOTGUN_STREAM_CACHE"
_TRIES = 3
_REQUEST_TIMEOUT = 30  # seconds
_REFUSED_BY_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)

Report = Callable[[str], None]
"""Is told, in a line of text, what takes long."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One published file, and what its bytes must be."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name under which it is published and kept."""
        return f"{self.name}-{self.version}.jar"


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


def pinned_jars() -> list[Jar]:
    """Every jar of the class path."""
    text = files(__package__).joinpath(f"kafka-{KAFKA_VERSION}.txt").read_text("utf-8")
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            group, name, version, sha256 = line.replace(":", " ").split()
            jars.append(Jar(group, name, version, sha256))
    return jars


def is_complete(folder: Path) -> bool:
    """Whether the folder holds every jar. (It is put in place as a whole; some cleaners take single old files away.)"""
    return all((folder / jar.file_name).is_file() for jar in pinned_jars())


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
        filled = Path(name, "jars")
        filled.mkdir()
        _fetch(Path(name, "repository"), filled, report)
        shutil.rmtree(folder, ignore_errors=True)
        filled.rename(folder)


def _fetch(repository: Path, into: Path, report: Report) -> None:
    context = _maven(repository)
    jars = pinned_jars()
    for done, jar in enumerate(jars):
        if done % 10 == 0:
            report(f"Fetching Apache Kafka {KAFKA_VERSION} (45 MB, once): {done} of {len(jars)} files")
        try:
            shutil.move(_download(context, jar), into / jar.file_name)
        except Exception as error:  # jgo fails as the network, its parser or the disk happens to
            if _is_refused_by_disk(error):
                raise
            raise KafkaRefusedError(_not_fetched(jar, error)) from error


def _maven(repository: Path) -> Any:
    if importlib.util.find_spec("jgo") is None:
        raise ConfigurationError(
            "the package jgo, which fetches Apache Kafka, is not installed: pip install 'shotgun-stream[sandbox]' "
            "(or set KAFKA_HOME to the folder of an unpacked Kafka)"
        )
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    # A repository of our own: an interrupted fetch would leave half a file in the one that Maven uses.
    repositories = GlobalSettings.load().repositories or None
    return MavenContext(repo_cache=repository, remote_repos=repositories, timeout=_REQUEST_TIMEOUT)


def _download(context: Any, jar: Jar) -> Path:
    artifact = context.project(jar.group, jar.name).at_version(jar.version).artifact()
    retrying = Retrying(
        stop=stop_after_attempt(_TRIES),
        wait=wait_exponential(0.5),
        retry=retry_if_exception(
            lambda error: isinstance(error, Exception) and not _is_refused_by_disk(error)
        ),
        reraise=True,
    )
    return retrying(_download_once, artifact, jar)


def _download_once(artifact: Any, jar: Jar) -> Path:
    # What an earlier try left may be half a file, and jgo would take it for whole.
    artifact.cached_path.unlink(missing_ok=True)
    path: Path = artifact.resolve()
    if hashlib.sha256(path.read_bytes()).hexdigest() != jar.sha256:
        raise ValueError(f"{jar.file_name} is not the file that was published")
    return path


def _is_refused_by_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _REFUSED_BY_DISK


def _not_fetched(jar: Jar, error: Exception) -> str:
    # Not the error's own text: it is long, and of several libraries deep.
    return (
        f"{jar.file_name} of Apache Kafka {KAFKA_VERSION} cannot be fetched ({type(error).__name__}). Check the "
        "network, or the repositories in jgo's configuration file; or set KAFKA_HOME to the folder of an unpacked "
        f"Kafka; or copy the folder kafka-{KAFKA_VERSION} from another machine's cache and name the folder it is in: "
        f"{CACHE}=FOLDER"
    )
