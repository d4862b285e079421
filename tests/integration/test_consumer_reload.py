"""A plugin's new version takes over while events flow, and nothing is lost or repeated by it."""

from __future__ import annotations

import itertools
import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

VERSION = """
    import time
    def registerCallbacks(reg):
        reg.registerCallback(None, None, note, {filter})
    def note(sg, logger, event, args):
        {before}
        with open({path!r}, "a", buffering=1) as notes:
            notes.write(f"{{event['id']}} {version}\\n")
        time.sleep({work})
"""


class Versions(Team):
    """A team whose plugins note each event with the version that got it."""

    def write(
        self,
        name: str,
        version: object,
        match_events: object = None,
        work: float = 0,
        before: str = "pass",
    ) -> None:
        path = str(self.folder / f"{name}.notes")
        text = VERSION.format(filter=match_events, before=before, path=path, version=version, work=work)
        # As an editor or a deployment does it: the file is there as a whole.
        new = self.folder / f"{name}.new"
        new.write_text(textwrap.dedent(text), "utf-8")
        os.replace(new, self.folder / f"{name}.py")

    def noted(self, name: str) -> list[tuple[int, str]]:
        path = self.folder / f"{name}.notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(number), version) for number, version in (line.split() for line in lines)]

    def ids(self, name: str) -> list[int]:
        return [number for number, _ in self.noted(name)]


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Versions:
    return Versions(tmp_path, stream, spawn)


@pytest.mark.parametrize("how", ["watch", "poll"])
def test_a_new_version_takes_over_in_the_middle_and_no_event_is_lost_or_run_twice(
    team: Versions, stream: EventStream, how: str
) -> None:
    # Given a plugin that is behind, and one that nobody touches
    team.write("busy", "v0", work=0.003)
    team.write("other", "v0")
    published = itertools.count(1)

    def is_run_by(version: str) -> bool:
        stream.publish(event(next(published)) for _ in range(20))
        return bool(team.noted("busy")) and team.noted("busy")[-1][1] == version

    member = team.run("--set", f"consumer.reload={how}")
    wait_until(lambda: is_run_by("v0"))
    rebalances = member.metric("rebalances_total", plugin="busy")
    # When it is replaced again and again while events come
    for version in ("v1", "v2", "v3"):
        team.write("busy", version, work=0.003 if version < "v3" else 0)
        wait_until(lambda version=version: is_run_by(version))  # type: ignore[misc]
    # Then each event ran once, in order, first by the old version and then by the new one
    last = next(published) - 1
    wait_until(lambda: len(team.ids("busy")) >= last)
    stream.wait_for_no_lag(team.group("busy"), team.group("other"))
    assert team.ids("busy") == list(range(1, last + 1))
    versions = [version for _, version in team.noted("busy")]
    assert versions == sorted(versions)
    assert set(versions) == {"v0", "v1", "v2", "v3"}
    # And Kafka's group was not left for it
    assert member.metric("rebalances_total", plugin="busy") == rebalances
    assert member.metric("plugin_reloads_total", plugin="busy") == 3
    assert member.metric("plugin_reloads_total", plugin="other") == 0
    assert member.metric("plugin_version_info", plugin="busy") == 1


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_and_its_repair_takes_over(
    team: Versions, stream: EventStream
) -> None:
    team.write("busy", "v0")
    member = team.run().wait_ready()
    stream.publish([event(1)])
    wait_until(lambda: team.ids("busy") == [1])
    team.plugin("busy", "def registerCallbacks(reg:\n")
    member.process.wait_for_line(r"ERROR.*busy\.py:1\) The version that was loaded last runs on")
    stream.publish([event(2)])
    wait_until(lambda: team.noted("busy") == [(1, "v0"), (2, "v0")])
    assert member.metric("plugin_loaded", plugin="busy") == 0
    assert member.metric("plugin_reload_failures_total", plugin="busy") == 1
    team.write("busy", "v1")
    wait_until(lambda: member.metric("plugin_reloads_total", plugin="busy") == 1)
    stream.publish([event(3)])
    wait_until(lambda: team.noted("busy")[2:] == [(3, "v1")])
    assert member.metric("plugin_loaded", plugin="busy") == 1
    assert member.process.stdout.count("last runs on") == 1


def test_a_new_file_starts_a_group_and_a_removed_one_goes_on_where_it_was_when_it_is_back(
    team: Versions, stream: EventStream
) -> None:
    team.write("first", "v0")
    stream.publish(event(n) for n in range(1, 4))
    member = team.run().wait_ready()
    # A new file
    team.write("second", "v0")
    wait_until(lambda: team.ids("second") == [1, 2, 3])
    wait_until(lambda: stream.committed(team.group("second")) == stream.ends())
    # A removed one: its group is left, the others go on
    (team.folder / "second.py").rename(team.folder / "second.away")
    wait_until(lambda: member.metric("assigned_partitions", plugin="second") == 0)
    stream.publish(event(n) for n in range(4, 7))
    wait_until(lambda: team.ids("first") == list(range(1, 7)))
    assert "second" not in member.wait_ready().get("/metrics")[1].split("plugin_loaded{", 1)[1].split("\n")[0]
    assert team.ids("second") == [1, 2, 3]
    # And when it is back
    (team.folder / "second.away").rename(team.folder / "second.py")
    wait_until(lambda: team.ids("second") == list(range(1, 7)))
    assert member.process.terminate() == 0


def test_a_plugin_without_a_good_version_joins_no_group_until_its_file_is_good(
    team: Versions, stream: EventStream, kafka: Kafka
) -> None:
    team.write("good", "v0")
    team.plugin("late", "import nothing_of_this_name\ndef registerCallbacks(reg): pass\n")
    stream.publish([event(1)])
    member = team.run().wait_ready()
    wait_until(lambda: team.ids("good") == [1])
    assert stream.committed(team.group("late")) == {0: -1001}
    assert member.metric("plugin_loaded", plugin="late") == 0
    team.write("late", "v1")
    wait_until(lambda: team.noted("late") == [(1, "v1")])


def test_a_plugin_that_stopped_at_a_failed_event_goes_on_there_when_its_file_changes(
    team: Versions, stream: EventStream
) -> None:
    # Given a plugin that wants changes alone and fails at the fourth event
    change, new = "Shotgun_Task_Change", "Shotgun_Task_New"
    team.write("busy", "v0", {change: None}, before="assert event['id'] != 4")
    stream.publish(event(n, new if n in (3, 6) else change) for n in range(1, 9))
    member = team.run()
    wait_until(lambda: member.metric("paused", plugin="busy") == 1)
    # When it is mended, and wants new tasks too
    team.write("busy", "v1")
    # Then it begins at that event, and gets what it wants from there on, read before or not
    wait_until(lambda: team.ids("busy")[-1] == 8)
    assert team.noted("busy") == [(1, "v0"), (2, "v0"), *((n, "v1") for n in range(4, 9))]
    wait_until(lambda: member.metric("paused", plugin="busy") == 0)
    stream.wait_for_no_lag(team.group("busy"))


def test_with_reload_off_a_changed_file_waits_for_the_next_start(team: Versions, stream: EventStream) -> None:
    team.write("busy", "v0")
    member = team.run("--set", "consumer.reload=off").wait_ready()
    team.write("busy", "v1")
    team.write("new", "v1")
    stream.publish([event(1)])
    wait_until(lambda: team.noted("busy") == [(1, "v0")])
    assert member.process.terminate() == 0
    assert "loaded again" not in member.process.stdout


def test_a_merged_group_runs_its_plugins_in_order_and_never_without_one_of_them(
    team: Versions, stream: EventStream
) -> None:
    # Given two plugins in one group, of which the second fails at the second event
    both = str(team.folder / "order")
    note = f"open({both!r}, 'a').write(__name__[-1] + str(event['id']) + ' ')"
    team.write("a", "v0", before=f"{note}; event['mark'] = 'not for others'")
    team.write("b", "v0", before=f"{note}; assert 'mark' not in event; assert event['id'] != 2")
    team.write("alone", "v0")
    stream.publish(event(n) for n in range(1, 4))
    member = team.run(groups={"pair": ["b", "a"]})
    wait_until(lambda: member.metric("paused", plugin="pair") == 1)
    assert Path(both).read_text() == "a1 b1 a2 b2 "
    wait_until(lambda: team.ids("alone") == [1, 2, 3])
    # When it is mended, the event and those behind it are run
    team.write("b", "v1", before=note)
    wait_until(lambda: team.ids("b") == [1, 2, 3])
    stream.wait_for_no_lag(team.group("pair"))
    # And the first plugin, which had ended it, did not run it again
    assert team.ids("a") == [1, 2, 3]
    # When a plugin is removed, the group is not run without it
    (team.folder / "b.py").rename(team.folder / "b.away")
    member.process.wait_for_line(r"Merged group pair is not joined: b cannot be loaded here")
    wait_until(lambda: member.metric("assigned_partitions", plugin="pair") == 0)
    stream.publish([event(4)])
    wait_until(lambda: team.ids("alone") == [1, 2, 3, 4])
    assert 4 not in team.ids("a")
    (team.folder / "b.away").rename(team.folder / "b.py")
    wait_until(lambda: team.ids("b") == [1, 2, 3, 4])
    assert team.ids("a")[-1] == 4
    assert member.metric("callback_duration_seconds_count", plugin="pair") > 0


def test_a_new_version_of_a_concurrent_plugin_repeats_nothing_that_ran_ahead(
    team: Versions, stream: EventStream
) -> None:
    # Given many events at once
    team.write("busy", "v0", work=0.003)
    settings = {"busy": {"concurrency": 8}}
    published = itertools.count(1)

    def is_run_by(version: str) -> bool:
        stream.publish(event(next(published)) for _ in range(20))
        return bool(team.noted("busy")) and team.noted("busy")[-1][1] == version

    member = team.run(plugins=settings)
    wait_until(lambda: is_run_by("v0"))
    for version in ("v1", "v2"):
        team.write("busy", version, work=0.003 if version == "v1" else 0)
        wait_until(lambda version=version: is_run_by(version))  # type: ignore[misc]
    last = next(published) - 1
    wait_until(lambda: len(team.ids("busy")) >= last)
    stream.wait_for_no_lag(team.group("busy"))
    assert sorted(team.ids("busy")) == list(range(1, last + 1))
    assert member.metric("plugin_reloads_total", plugin="busy") == 2
