"""Without a Prometheus the tests say why, and on CI they fail instead of proving nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_install import PROGRAMS, PrometheusMissingError, prometheus_folder
from support import cannot_be_had


def test_a_prometheus_on_the_path_is_used(tmp_path: Path) -> None:
    for program in PROGRAMS:
        (tmp_path / program).touch(0o755)
    assert prometheus_folder({"PATH": str(tmp_path)}) == tmp_path


def test_one_that_was_fetched_before_is_used(tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    environ = {"PATH": "/nowhere", "SHOTGUN_STREAM_CACHE": str(tmp_path)}
    assert prometheus_folder(environ) == tmp_path / "prometheus"


def test_a_machine_without_debians_packages_is_told_what_to_install(tmp_path: Path) -> None:
    environ = {"PATH": "/nowhere", "SHOTGUN_STREAM_CACHE": str(tmp_path)}
    with pytest.raises(
        PrometheusMissingError, match="apt-get is missing, so install prometheus and promtool on PATH"
    ):
        prometheus_folder(environ)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environ = {"PATH": "/nowhere", "SHOTGUN_STREAM_CACHE": str(tmp_path / "file" / "cache")}
    with pytest.raises(PrometheusMissingError, match=str(tmp_path)):
        prometheus_folder(environ)


def test_what_cannot_be_had_fails_on_ci_and_is_skipped_elsewhere() -> None:
    with pytest.raises(pytest.skip.Exception, match="Prometheus cannot be had here: no network"):
        cannot_be_had("Prometheus", "no network", {})
    for value in ("true", "1"):
        with pytest.raises(pytest.fail.Exception, match="Prometheus cannot be had here: no network"):
            cannot_be_had("Prometheus", "no network", {"CI": value})
