"""What the demo adds up at its end, and whether it adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from .scrape import Scrape

OUTCOMES = ("filtered", "succeeded", "dead_lettered", "skipped")


@dataclass(frozen=True, slots=True)
class PluginTotals:
    """Events of one plugin by how they ended; `failed` counts attempts, so an event may be in it several times."""

    delivered: int
    filtered: int
    succeeded: int
    dead_lettered: int
    skipped: int
    failed: int

    @property
    def finished(self) -> int:
        """Events that have ended, in whatever way."""
        return self.filtered + self.succeeded + self.dead_lettered + self.skipped


def plugin_totals(consumer: Scrape) -> dict[str, PluginTotals]:
    """The totals of each plugin of one consumer service."""
    delivered = consumer.by("plugin", "shotgun_consumer_events_delivered_total")
    return {
        plugin: PluginTotals(
            delivered=int(count),
            failed=int(consumer.total("shotgun_consumer_callback_failures_total", plugin=plugin)),
            **{
                outcome: int(consumer.total("shotgun_consumer_events_total", plugin=plugin, outcome=outcome))
                for outcome in OUTCOMES
            },
        )
        for plugin, count in sorted(delivered.items())
    }


@dataclass(frozen=True, slots=True)
class Totals:
    """`visible`: rows that the site shows. `published`: records that a `read_committed` reader finds. `distinct`: ids
    among them. `teams`: the plugins of each team."""

    visible: int
    published: int
    distinct: int
    teams: Mapping[str, Mapping[str, PluginTotals]]

    def problems(self) -> list[str]:
        """What does not add up, in words; empty when nothing was lost and nothing doubled."""
        found = []
        if self.published != self.visible:
            found.append(f"the site shows {self.visible} events and the topic holds {self.published}")
        if self.distinct != self.published:
            found.append(f"the topic holds {self.published} records of {self.distinct} events")
        for team, plugins in self.teams.items():
            if not plugins:
                found.append(f"team {team} ran no plugin")
            for plugin, totals in plugins.items():
                if totals.delivered != self.visible:
                    found.append(f"{team}.{plugin} got {totals.delivered} of {self.visible} events")
                if totals.finished != totals.delivered:
                    found.append(
                        f"{team}.{plugin} got {totals.delivered} events and finished {totals.finished}"
                    )
        return found

    def as_json(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return asdict(self)


def count_published(bootstrap_servers: str, topic: str) -> tuple[int, int]:
    """Records of the topic that a `read_committed` reader finds, and the distinct event ids among them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "shotgun-sandbox-count",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        records, ids, open_ends = 0, set(), len(partitions)
        while open_ends:
            for message in consumer.consume(10_000, timeout=0.2):
                error = message.error()
                if error is None:
                    records += 1
                    ids.add(message.key())
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends -= 1
        return records, len(ids)
    finally:
        consumer.close()
