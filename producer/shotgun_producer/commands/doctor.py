"""`shotgun-producer doctor`: is everything around the producer as it should be?"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from typing import Any

import click
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from shotgun_runtime import doctor_look
from shotgun_runtime.cli import config_options
from shotgun_runtime.doctor_checks import (
    Check,
    NeededTopic,
    hidden_right,
    judge_clock,
    judge_right,
    judge_rows,
    judge_rules,
    unchecked_right,
)
from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import admin, explain, require_broker
from shotgun_runtime.kafka_rights_look import is_open_to_all, look_at_acls, look_at_group
from shotgun_runtime.settings import Settings, ShotgunSettings, require_producer
from shotgun_runtime.shotgun import RawShotgun, connect_raw, explain_site_error
from shotgun_runtime.site_clock import clock_skew
from shotgun_runtime.stream_topics import stream_topics
from shotgun_schemas.event import ENTITY_TYPE, FIELDS

from ..rights import group_rights, principal_of, topic_rights, transaction_right
from ..site_request import Request

_CALL_SECONDS = 15.0
_SITE_PATIENCE = 4.0


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def doctor(settings: Settings, wants_json: bool) -> None:
    """Look at the site, the brokers, the topics and the clocks, and say what to do.

    Changes nothing. Exits with 1 when there is a problem.
    """
    require_producer(settings)
    checks = [*look_at_site(settings.shotgun), *look_at_kafka(settings)]
    click.echo(json.dumps([asdict(check) for check in checks]) if wants_json else doctor_look.as_text(checks))
    problems = sum(check.state == "problem" for check in checks)
    if problems:
        raise StreamError(f"{problems} problem(s) found; mend them and run the doctor again")


def look_at_site(settings: ShotgunSettings) -> list[Check]:
    """The site as one request shows it: reachable, key valid, events visible, clock."""
    handle = connect_raw(settings)
    asked = time.time()
    try:
        rows = Request(lambda: _newest_row(handle)).wait(settings.timeout * _SITE_PATIENCE, threading.Event())
        skew = clock_skew(handle.server_time, asked, time.time())
    except Exception as error:  # noqa: BLE001 - the client raises more than a dozen unrelated classes
        handle.abort()
        failure = explain_site_error(error, settings.url)
        advice = "check shotgun.url and the way there, then try again" if failure.retryable else ""
        return [Check("site", "problem", failure.message, advice)]
    handle.close()
    unsent = [field for field in FIELDS if field not in rows[0]] if rows else []
    return [
        Check("site", "ok", f"{settings.url} answers and takes the key of {settings.script_name}"),
        judge_rows(bool(rows), unsent),
        judge_clock(skew),
    ]


def _newest_row(handle: RawShotgun) -> list[dict[str, Any]]:
    order = [{"field_name": "id", "direction": "desc"}]
    return list(handle.find(ENTITY_TYPE, [], list(FIELDS), order=order, limit=1))


def look_at_kafka(settings: Settings) -> list[Check]:
    """The brokers and the stream's topics."""
    servers = settings.kafka.bootstrap_servers
    try:
        client = admin(settings)
        require_broker(client, servers)
        metadata = client.list_topics(timeout=_CALL_SECONDS)
    except StreamError as error:
        return [Check("kafka", "problem", str(error))]
    except KafkaException as error:
        return [Check("kafka", "problem", explain(error.args[0]))]
    principal = principal_of(settings.kafka)
    needed = list(map(NeededTopic, stream_topics(settings.stream), topic_rights(settings)))
    return [
        Check("kafka", "ok", f"{servers} answers, {len(metadata.brokers)} broker(s)"),
        *doctor_look.brokers(client, principal, sorted(metadata.brokers)),
        *doctor_look.topics(client, needed, settings.stream.replication_factor, principal),
        *_rights(client, settings),
    ]


def _rights(client: AdminClient, settings: Settings) -> list[Check]:
    """What this user may do on groups, and with the transactional id, which is never tried out: that would fence."""
    principal = principal_of(settings.kafka)
    checks = [
        judge_right(right, look_at_group(client, right.name), principal) for right in group_rights(settings)
    ]
    right = transaction_right(settings)
    look = look_at_acls(client, right.name)
    if look.state == "unchecked":
        return [*checks, unchecked_right(right)]
    if look.state == "hidden":
        return [*checks, hidden_right(right, principal)]
    return [*checks, judge_rules(right, look.acls, principal, open_to_all=is_open_to_all(client))]
