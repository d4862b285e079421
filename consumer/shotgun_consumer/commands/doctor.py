"""`shotgun-consumer doctor`: is everything around the consumers as it should be?"""

from __future__ import annotations

import json
import time
from collections.abc import Collection

import click
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from shotgun_runtime import doctor_look
from shotgun_runtime.cli import config_options
from shotgun_runtime.doctor_checks import Check, NeededTopic, judge_clock, judge_right
from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError, SiteRefusedError, StreamError
from shotgun_runtime.kafka import READER_GROUP, admin, explain, require_broker
from shotgun_runtime.kafka_rights import Right, principal_of
from shotgun_runtime.kafka_rights_look import look_at_group
from shotgun_runtime.settings import Settings, ShotgunSettings, require_consumer
from shotgun_runtime.shotgun import connect_raw, explain_site_error
from shotgun_runtime.site_clock import clock_skew
from shotgun_runtime.stream_topics import control_topic, dead_letter_topic, stream_topics

from ..plugins.plugin_config import plugin_config
from ..plugins.plugin_loader import LoadedPlugin
from ..plugins.plugin_options import puts_aside
from ..plugins.plugin_set import load_plugins
from ..running.merged import plan_groups
from .options import log_to_stderr
from .view import team_prefix

_CALL_SECONDS = 15.0
_REFUSALS: tuple[tuple[str, type[StreamError]], ...] = (
    ("plugin", ConfigurationError),
    ("site", SiteRefusedError),
)


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def doctor(settings: Settings, wants_json: bool) -> None:
    """Look at the plugins, the site, the brokers, the topics and the clocks, and say what to do.

    Changes nothing. When there is a problem, it exits with 2 for a plugin, 3 for the site and 4 for Kafka; the first of
    these that applies.
    """
    require_consumer(settings)
    log_to_stderr(settings)
    checks, plugins = look_at_plugins(settings)
    checks = [*checks, *look_at_site(settings.shotgun), *look_at_kafka(settings, plugins)]
    click.echo(
        json.dumps([_as_dict(check) for check in checks]) if wants_json else doctor_look.as_text(checks)
    )
    problems = [check for check in checks if check.state == "problem"]
    if problems:
        raise _error(problems)(f"{len(problems)} problem(s) found; mend them and run the doctor again")


def look_at_plugins(settings: Settings) -> tuple[list[Check], tuple[LoadedPlugin, ...]]:
    """The plugins as `check` loads them, and those that load."""
    try:
        found = load_plugins(settings.consumer.plugin_paths, settings.consumer, plugin_config(settings))
    except ConfigurationError as error:
        return [Check("plugins", "problem", str(error))], ()
    names = [plugin.name for plugin in found.loaded]
    checks = [
        Check(f"plugin {name}", "problem", f"{error} ({error.where()})", "correct the file")
        for name, error in found.failures.items()
    ]
    checks += [
        Check(
            f"plugins' helper {error.path.name}", "problem", f"{error} ({error.where()})", "correct the file"
        )
        for error in found.helpers
    ]
    warned = [plugin.name for plugin in found.loaded if plugin.warnings]
    if warned:
        advice = "run: shotgun-consumer check"
        checks.append(Check("plugins", "warning", f"there are warnings about {', '.join(warned)}", advice))
    if names:
        checks.append(Check("plugins", "ok", f"{len(names)} can be started: {', '.join(names)}"))
    elif not checks:
        checks.append(
            Check("plugins", "problem", "there is none", "correct consumer.plugin_paths and consumer.only")
        )
    return checks, found.loaded


def look_at_site(settings: ShotgunSettings) -> list[Check]:
    """The site as one request shows it: reachable, key valid, clock."""
    handle = connect_raw(settings)
    asked = time.time()
    try:
        handle.find("EventLogEntry", [], ["id"], limit=1)
        skew = clock_skew(handle.server_time, asked, time.time())
    except Exception as error:  # noqa: BLE001 - the client raises more than a dozen unrelated classes
        failure = explain_site_error(error, settings.url)
        advice = "check shotgun.url and the way there, then try again" if failure.retryable else ""
        return [Check("site", "problem", failure.message, advice)]
    handle.close()
    return [
        Check("site", "ok", f"{settings.url} answers and takes the key of {settings.script_name}"),
        judge_clock(skew),
    ]


def look_at_kafka(settings: Settings, plugins: Collection[LoadedPlugin]) -> list[Check]:
    """The brokers, the topics that a consumer uses, and the groups of these plugins."""
    servers = settings.kafka.bootstrap_servers
    try:
        client = admin(settings)
        require_broker(client, servers)
        metadata = client.list_topics(timeout=_CALL_SECONDS)
    except StreamError as error:
        return [Check("kafka", "problem", str(error))]
    except KafkaException as error:
        return [Check("kafka", "problem", explain(error.args[0]))]
    principal = principal_of({**settings.kafka.properties, **settings.kafka.consumer_properties})
    return [
        Check("kafka", "ok", f"{servers} answers, {len(metadata.brokers)} broker(s)"),
        *doctor_look.brokers(client, principal, sorted(metadata.brokers)),
        *doctor_look.topics(
            client, _needed(settings, plugins), settings.stream.replication_factor, principal
        ),
        *_groups(client, settings, plugins, principal),
    ]


def _needed(settings: Settings, plugins: Collection[LoadedPlugin]) -> list[NeededTopic]:
    events, control = stream_topics(settings.stream)[0], control_topic(settings.stream)
    letters = dead_letter_topic(settings.stream, settings.consumer.team)
    need = any(puts_aside(settings.consumer, plugin) for plugin in plugins)
    when = (
        "at its start"
        if need
        else "when a callback first asks for a dead letter, which none is configured to"
    )
    return [
        NeededTopic(events, Right("topic", events.name, ("Read",)), is_made_here=False),
        NeededTopic(
            control,
            Right("topic", control.name, ("Read", "Write")),
            "`shotgun-producer run` or `shotgun-consumer run` makes it, whichever starts first",
        ),
        NeededTopic(
            letters,
            Right("topic", letters.name, ("Read", "Write")),
            f"`shotgun-consumer run` makes it {when}",
            is_made_here=need,
        ),
    ]


def _groups(
    client: AdminClient, settings: Settings, plugins: Collection[LoadedPlugin], principal: str | None
) -> list[Check]:
    """What this user may do on the plugins' groups, and on that of readers which only assign."""
    names = [plan.name for plan in plan_groups(settings.consumer, plugins)]
    rights = [Right("group", f"{team_prefix(settings)}{name}", ("Read",)) for name in names]
    rights.append(Right("group", READER_GROUP, ("Describe",)))
    checks = [judge_right(right, look_at_group(client, right.name), principal) for right in rights]
    well = [check for check in checks if check.state == "ok"]
    if len(well) == len(checks):
        return [Check("rights on groups", "ok", f"this user has what it needs on all {len(checks)}")]
    return [check for check in checks if check.state != "ok"]


def _as_dict(check: Check) -> dict[str, str]:
    return {"subject": check.subject, "state": check.state, "found": check.found, "advice": check.advice}


def _error(problems: Collection[Check]) -> type[StreamError]:
    for word, kind in _REFUSALS:
        if any(check.subject.startswith(word) for check in problems):
            return kind
    return KafkaRefusedError
