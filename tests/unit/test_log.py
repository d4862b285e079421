"""The log: its forms, its file, and the secrets that never get into it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import shotgun_api3

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.log import close_logging, configure_logging
from shotgun_runtime.settings import LoggingSettings, Settings

log = logging.getLogger("tests.log")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    level = root.level
    yield io.StringIO()
    close_logging()
    root.setLevel(level)


def test_text_lines_hold_time_level_logger_and_message(stream: io.StringIO) -> None:
    configure_logging(LoggingSettings(), service="producer", stream=stream)

    log.info("published %d events", 3)

    line = stream.getvalue()
    assert line.endswith("Z INFO     tests.log: published 3 events\n")
    assert line[10] == "T"


def test_json_lines_hold_the_agreed_fields(stream: io.StringIO) -> None:
    configure_logging(LoggingSettings(format="json"), service="consumer", stream=stream)

    try:
        raise ValueError("größer")
    except ValueError:
        log.exception("callback %s failed", "on_change", extra={"event_id": 7})

    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["level"] == "ERROR"
    assert entry["logger"] == "tests.log"
    assert entry["message"] == "callback on_change failed"
    assert entry["service"] == "consumer"
    assert entry["event_id"] == 7
    assert entry["timestamp"].endswith("Z")
    assert "ValueError: größer" in entry["exception"]
    assert set(entry) == {"timestamp", "level", "logger", "message", "service", "event_id", "exception"}


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure_logging(LoggingSettings(level="warning"), service="s", stream=stream)

    log.info("quiet")
    log.warning("loud")

    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_configuring_twice_writes_each_line_once(stream: io.StringIO) -> None:
    configure_logging(LoggingSettings(), service="s", stream=stream)
    configure_logging(LoggingSettings(), service="s", stream=stream)

    log.info("once")

    assert stream.getvalue().count("once") == 1


def test_the_file_is_rotated_and_old_ones_are_dropped(stream: io.StringIO, tmp_path: Path) -> None:
    settings = LoggingSettings(file=tmp_path / "stream.log", file_max_bytes=1024, file_count=2)
    configure_logging(settings, service="s", stream=stream)

    for number in range(100):
        log.info("line %d ünïcode", number)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["stream.log", "stream.log.1", "stream.log.2"]
    assert "line 99 ünïcode" in (tmp_path / "stream.log").read_text("utf-8")


def test_a_log_file_in_no_folder_is_refused_by_name(stream: io.StringIO, tmp_path: Path) -> None:
    settings = LoggingSettings(file=tmp_path / "none" / "stream.log")

    with pytest.raises(ConfigurationError, match=r"logging.file .*none/stream.log cannot be written"):
        configure_logging(settings, service="s", stream=stream)


SECRET = 'k"y\\ü+1'


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_masked_wherever_it_turns_up(stream: io.StringIO, form: str, tmp_path: Path) -> None:
    settings = Settings(
        shotgun={"api_key": SECRET},
        kafka={"properties": {"sasl.password": "kafka-pass"}},
        logging={"format": form, "file": str(tmp_path / "log")},
    )
    configure_logging(settings.logging, service="s", stream=stream)

    try:
        raise RuntimeError(f"login with {SECRET} failed")
    except RuntimeError:
        log.exception(
            "params %s, body %s, %s", {"script_key": SECRET}, json.dumps({"k": SECRET}), "kafka-pass"
        )

    for text in (stream.getvalue(), (tmp_path / "log").read_text("utf-8")):
        for written in (SECRET, json.dumps(SECRET)[1:-1], repr(SECRET)[1:-1], "kafka-pass", r"k\\\"y"):
            assert written not in text
        assert "********" in text


def test_the_clients_log_cannot_be_made_to_show_the_key(stream: io.StringIO) -> None:
    configure_logging(LoggingSettings(level="DEBUG"), service="s", stream=stream)
    client_log = logging.getLogger("shotgun_api3")
    old = client_log.level
    client_log.setLevel(logging.DEBUG)
    try:
        handle = shotgun_api3.Shotgun("http://127.0.0.1:1", "script", "the-key-itself", connect=False)
        with pytest.raises(OSError, match="refused"):
            handle.find("EventLogEntry", [])
        client_log.warning("a warning is let through")
    finally:
        client_log.setLevel(old)

    assert "Request" not in stream.getvalue()
    assert "a warning is let through" in stream.getvalue()


def test_a_log_that_nobody_reads_any_more_ends_without_a_word(
    capsys: pytest.CaptureFixture[str], logging_put_back: None
) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        configure_logging(LoggingSettings(), service="test", stream=stream)
        os.close(reading)
        for _ in range(3):
            logging.getLogger("somebody").error("hello")
        assert capsys.readouterr().err == ""
        with contextlib.suppress(BrokenPipeError):
            stream.close()
