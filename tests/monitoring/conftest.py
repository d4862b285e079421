"""Fixtures for the tests of what Prometheus and Grafana are given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_install import PrometheusMissingError, prometheus_folder
from support import cannot_be_had


@pytest.fixture(scope="session")
def prometheus() -> Path:
    """The folder with `prometheus` and `promtool`. Fetching them the first time takes some seconds."""
    try:
        return prometheus_folder(os.environ)
    except PrometheusMissingError as error:
        cannot_be_had("Prometheus", str(error), os.environ)
        raise
