"""From the site to a callback: nothing is changed on the way, however odd or large the event."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shotgun_api3
from support import Kafka, Process, wait_until
from whole_way import Services

from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.event import FIELDS

pytestmark = pytest.mark.kafka

KEEPER = """
    import os
    import pickle

    def registerCallbacks(reg):
        reg.registerCallback(None, None, keep)

    def keep(sg, logger, event, args):
        path = os.path.join(os.environ["NOTES"], str(event["id"]))
        with open(path + ".part", "wb") as file:
            pickle.dump((type(sg).__module__, event), file)
        os.rename(path + ".part", path)
"""
PROJECT = {"type": "Project", "id": 70}
ODD_ROWS: list[dict[str, Any]] = [
    {"project": PROJECT},
    {"project": PROJECT, "event_type": "Studio_Thing", "meta": {}},
    {
        "project": PROJECT,
        "meta": {"when": "2026-01-21T19:47:33Z", "also": ["2026-02-30T00:00:00Z", 1.0, 1, True]},
    },
    {"project": PROJECT, "description": "a &lt;b&gt; c", "meta": {"text": "&lt;b&gt; 샷 \U0001f3ac"}},
]


def expected(site: SandboxSite) -> dict[int, dict[str, Any]]:
    """What the real client returns for each event."""
    client = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    ids = site.admin.visible()
    return {number: client.find_one("EventLogEntry", [["id", "is", number]], list(FIELDS)) for number in ids}


def test_a_plugin_gets_what_the_client_would_have_returned(
    kafka: Kafka, spawn: Callable[..., Process], tmp_path: Path
) -> None:
    with SandboxSite(SiteOptions(events=60)) as site:
        services = Services(spawn, kafka, site, tmp_path, {"keeper": KEEPER})
        site.admin.write_rows(ODD_ROWS)
        large = [
            site.admin.write_events(1, meta_bytes=size)[0] for size in (1_000_000, 5_000_000, 20_000_000)
        ]
        running = [services.start("producer"), services.start("consumer")]
        visible = site.admin.visible()
        wait_until(
            lambda: {path.name for path in services.notes.iterdir()} >= set(map(str, visible)),
            120,
            "every event reached the plugin",
        )
        assert [process.terminate() for process in running] == [0, 0]
        assert set(large) < set(visible)
        for number, event in expected(site).items():
            client_module, received = pickle.loads((services.notes / str(number)).read_bytes())
            assert client_module.startswith("shotgun_api3")
            assert received == event
            assert types(received) == types(event)


def types(value: Any) -> Any:
    """The types of a value at every depth: 1, 1.0 and True are equal, and not the same."""
    if isinstance(value, dict):
        return {key: types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [types(item) for item in value]
    return type(value)
