"""`shotgun-producer topics`: the commands that make the stream's topics, or making those that are missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.kafka import admin, require_broker
from shotgun_runtime.log import configure_logging
from shotgun_runtime.settings import Settings, StreamSettings, require_kafka
from shotgun_runtime.stream_topics import dead_letter_topic, stream_topics
from shotgun_runtime.topics import TopicSpec, creation_command, ensure_topics


@click.command()
@click.option("--create", is_flag=True, help="Make the topics that are missing, and check the others.")
@click.option(
    "--team",
    "teams",
    multiple=True,
    metavar="TEAM",
    help="Also this team's topic of dead letters. May be given more than once.",
)
@click.option("--only-teams", is_flag=True, help="Leave out the topics that the producer uses.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def topics(
    settings: Settings, create: bool, teams: Sequence[str], only_teams: bool, wants_json: bool
) -> None:
    """Print the commands that make the stream's topics; with --create, make those that are missing.

    The services make their topics themselves where Kafka lets them. This is for clusters where only somebody else may,
    and does it with the settings that the services want. Without --create Kafka is not asked.
    """
    wanted = [] if only_teams else list(stream_topics(settings.stream))
    wanted += [_dead_letters(settings.stream, team) for team in dict.fromkeys(teams)]
    if not wanted:
        raise click.UsageError("--only-teams leaves nothing without --team; name the teams")
    if create:
        _create(settings, wanted)
    if wants_json:
        click.echo(json.dumps([_as_dict(spec, settings.stream) for spec in wanted]))
        return
    for spec in wanted:
        click.echo(
            f"{spec.name} is there" if create else creation_command(spec, settings.stream.replication_factor)
        )


def _dead_letters(stream: StreamSettings, team: str) -> TopicSpec:
    spec = dead_letter_topic(stream, team)
    try:
        StreamSettings(dead_letter_topic=spec.name)
    except ValueError:
        raise ConfigurationError(
            f"--team {team}: {spec.name} is no name for a topic; use letters, digits, dots, dashes and underscores"
        ) from None
    return spec


def _create(settings: Settings, wanted: Sequence[TopicSpec]) -> None:
    """Make what is missing and check the rest; what is worth knowing goes to stderr.

    Raises as `ensure_topics`.
    """
    require_kafka(settings.kafka)
    plain = settings.logging.model_copy(update={"email": None, "file": None})
    configure_logging(plain, service="shotgun-producer", stream=sys.stderr)
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    ensure_topics(client, wanted, settings.stream.replication_factor)


def _as_dict(spec: TopicSpec, stream: StreamSettings) -> dict[str, Any]:
    return {
        "name": spec.name,
        "partitions": spec.partitions,
        "replication_factor": stream.replication_factor,
        "settings": dict(spec.settings),
    }
