"""Plugins in one group: in order, each event through all of them, and nothing twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from failing_plugin import GROUP, Board

from shotgun_consumer.orders.orders import GroupOrders
from shotgun_consumer.plugins.plugin_loader import LoadedPlugin
from shotgun_consumer.plugins.registrar import make_registrar
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.history import History, only
from shotgun_consumer.running.merged import MergedRunner, Part, check_groups, plan_groups, qualified
from shotgun_consumer.running.ordered_run import OrderedRun
from shotgun_consumer.running.steps import Steps
from shotgun_consumer.running.succession import Succession, Version
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ConsumerSettings
from shotgun_schemas import control

EVENT = Delivery(0, 55, 1, b"101", b"", {}, 0.0)


def plugin(name: str, *callbacks: Callable[..., Any]) -> LoadedPlugin:
    registrar = make_registrar(name, "classic", ConfigParser())
    for callback in callbacks:
        registrar.registerCallback(None, None, callback)
    return LoadedPlugin(
        name, Path(f"{name}.py"), "classic", registrar.callbacks(), True, (), registrar.logger
    )


class Parts:
    """Plugins of a merged group, whose outcomes the test sets."""

    def __init__(self, **outcomes: Outcome | None) -> None:
        self.outcomes = outcomes
        self.unwanted: set[str] = set()
        self.ran: list[str] = []
        self.tries: list[int] = []
        self.runner = MergedRunner([self._part(name) for name in outcomes])

    def _part(self, name: str) -> Part:
        def way(delivery: Delivery) -> Steps:
            yield from ()
            self.ran.append(name)
            outcome = self.outcomes[name]
            history = History(delivery)
            if not history.has_ended(f"{name}/first"):
                history.end(f"{name}/first", Outcome.SUCCEEDED)
            self.tries.append(history.attempt(f"{name}/second"))
            ended = history.again(f"{name}/second") if outcome is None else frozenset()
            return Result(delivery, outcome, "it failed", retry_after=3.0, ended=ended)

        return Part(name, lambda delivery: name not in self.unwanted, way)


def test_each_event_goes_through_all_in_order_and_ends_as_the_worst() -> None:
    parts = Parts(a=Outcome.SUCCEEDED, b=Outcome.FILTERED, c=Outcome.SKIPPED)
    assert parts.runner.run(EVENT).outcome is Outcome.SKIPPED
    assert parts.ran == ["a", "b", "c"]
    assert Parts(a=Outcome.FILTERED, b=Outcome.FILTERED).runner.run(EVENT).outcome is Outcome.FILTERED
    assert (
        Parts(a=Outcome.DEAD_LETTERED, b=Outcome.SKIPPED).runner.run(EVENT).outcome is Outcome.DEAD_LETTERED
    )


def test_a_plugin_that_does_not_want_the_event_is_not_run() -> None:
    parts = Parts(a=Outcome.SUCCEEDED, b=Outcome.SUCCEEDED)
    parts.unwanted = {"a"}
    parts.runner.run(EVENT)
    assert parts.ran == ["b"]


def test_the_first_that_leaves_it_unfinished_stops_it_and_what_ended_is_not_run_again() -> None:
    # Given a plugin that fails behind one that skipped
    parts = Parts(a=Outcome.SKIPPED, b=None, c=Outcome.SUCCEEDED)
    result = parts.runner.run(EVENT)
    assert (result.delivery, result.outcome, result.retry_after) == (EVENT, None, 3.0)
    assert parts.ran == ["a", "b"]
    # When the event comes back with what had ended, after a restart too
    parts.outcomes["b"] = Outcome.SUCCEEDED
    parts.ran.clear()
    again = Delivery(0, 55, 2, b"101", b"", {}, 0.0, attempt=2, ended=result.ended)
    # Then only the rest is run, it knows its own callbacks that had ended, and the first one's outcome still counts
    assert "b/first" in again.ended
    assert parts.runner.run(again).outcome is Outcome.SKIPPED
    assert parts.ran == ["b", "c"]


def test_the_tries_of_each_plugin_are_counted_on_their_own() -> None:
    parts = Parts(a=None, b=None)
    delivery = EVENT
    for run, (a, b) in enumerate([(None, None), (Outcome.SUCCEEDED, None), (None, None), (None, None)], 2):
        parts.outcomes |= {"a": a, "b": b}
        delivery = replace(EVENT, attempt=run, ended=parts.runner.run(delivery).ended)
    # Given that the first plugin succeeded in the second run, the second one has begun with it
    assert parts.ran == ["a", "a", "b", "b", "b"]
    assert parts.tries == [1, 2, 1, 2, 3]


class OrderedParts(Parts):
    """The same under operators' orders."""

    def __init__(self, **outcomes: Outcome | None) -> None:
        super().__init__(**outcomes)
        self.board = Board()
        self.orders = GroupOrders(GROUP, self.board)
        log = logging.getLogger(__name__)
        self.run = OrderedRun(self.orders, "shotgun.events", log, self.runner.steps).run


def test_an_event_that_is_passed_over_is_so_for_all_of_them() -> None:
    parts = OrderedParts(a=Outcome.SUCCEEDED, b=None, c=Outcome.SUCCEEDED)
    again = replace(EVENT, attempt=2, ended=parts.run(EVENT).ended)
    parts.board.offer(control.skip_key(GROUP, 0, 55), "", {})
    assert parts.run(again).outcome is Outcome.SKIPPED
    assert parts.ran == ["a", "b"]


def test_a_replay_is_taken_back_when_all_of_them_have_seen_it() -> None:
    parts = OrderedParts(a=Outcome.SUCCEEDED, b=Outcome.SUCCEEDED)
    parts.board.offer(control.replay_key(GROUP, 0, 55, "b/note"), "", {})
    (replay,) = parts.orders.replays([0])
    replayed = replace(EVENT, replayed=True, ended=only(["b/note"]))
    parts.outcomes["b"] = None
    assert parts.run(replayed).outcome is None
    assert parts.orders.replays([0]) == [replay]
    parts.outcomes["b"] = Outcome.SUCCEEDED
    assert parts.run(replayed).outcome is Outcome.SUCCEEDED
    assert parts.orders.replays([0]) == []


def test_keys_of_callbacks_carry_the_plugins_name() -> None:
    def call(sg: Any, logger: Any, event: Any, args: Any) -> None: ...

    keys = [spec.key for one in ("a", "b") for spec in qualified(plugin(one, call, call)).callbacks]
    assert keys == ["a/call", "a/call#2", "b/call", "b/call#2"]


def test_groups_are_planned_in_the_classic_order_whatever_the_order_in_the_configuration() -> None:
    settings = ConsumerSettings.model_validate({"groups": {"both": ["c", "a"]}})
    plans = plan_groups(settings, [plugin("a"), plugin("b"), plugin("c")])
    assert [(plan.name, [one.name for one in plan.plugins]) for plan in plans] == [
        ("b", ["b"]),
        ("both", ["a", "c"]),
    ]


def test_a_group_that_lacks_a_plugin_says_which_and_one_of_other_processes_is_not_planned() -> None:
    settings = ConsumerSettings.model_validate({"groups": {"both": ["a", "b"]}, "only": ["a", "x*"]})
    (plan,) = plan_groups(settings, [plugin("a")])
    assert (plan.name, plan.missing) == ("both", ("b",))
    assert plan_groups(settings.model_copy(update={"only": ["x*"]}), []) == []


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"g": ["a", "lost"]}, "group 'g': there is no plugin 'lost'; the plugins are: a, b"),
        ({"g": ["a"], "h": ["b", "a"]}, "plugin 'a' is named in 'g' and again in 'h'"),
        ({"g": ["a", "a"]}, "plugin 'a' is named in 'g' and again in 'g'"),
        ({"b": ["a"]}, "group 'b': a plugin has this name"),
        ({"g": []}, "group 'g': it names no plugin"),
    ],
)
def test_a_group_that_cannot_be_is_refused(groups: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        check_groups(groups, ["a", "b"])


def version(answer: str, workers: int = 1) -> Version:
    return Version(
        lambda delivery: answer == "new", [lambda delivery: Result(delivery, None, answer)] * workers
    )


def test_a_version_takes_over_when_it_is_let_and_the_last_one_offered_wins() -> None:
    succession = Succession(version("old"))
    (run,) = succession.runs
    succession.offer(version("never"))
    succession.offer(version("new"))
    assert succession.awaited
    assert (run(EVENT).reason, succession.wants(EVENT)) == ("old", False)
    succession.take_over()
    assert not succession.awaited
    assert (run(EVENT).reason, succession.wants(EVENT)) == ("new", True)


def test_a_version_that_waits_for_long_is_late_once() -> None:
    succession = Succession(version("old"))
    for start in (100.0, 200.0):
        succession.offer(version("new"))
        assert [succession.is_late(start + second) for second in (0, 5, 10, 11, 100)] == [
            False,
            False,
            True,
            False,
            False,
        ]
        succession.take_over()


def test_a_version_for_another_number_of_workers_does_not_fit() -> None:
    succession = Succession(version("old", workers=2))
    assert succession.fits(version("new", workers=2))
    assert not succession.fits(version("new", workers=3))
