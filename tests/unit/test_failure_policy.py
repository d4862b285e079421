"""Which failures are tried again, when, and what follows the last try."""

from __future__ import annotations

import concurrent.futures
import socket
from typing import Any

import pytest
import shotgun_api3
from failing_plugin import ROW, Plugin
from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_consumer.plugins.plugin_options import plugin_options, unmatched_patterns
from shotgun_consumer.plugins.policy import FailureOptions, FailureRules, Verdict, failure_rules, is_called
from shotgun_consumer.requests import DeadLetterRequest, RetryRequest
from shotgun_consumer.running.delivery import Delivery, Outcome
from shotgun_consumer.running.history import POISON
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings
from shotgun_schemas.codec import encode
from shotgun_schemas.event import Event

ERROR = ValueError("no")


class Callback:
    """A callback that fails so many times, and counts its calls."""

    def __init__(self, name: str, calls: list[str], failures: int = 0, error: BaseException = ERROR) -> None:
        self.__name__ = name
        self.calls = calls
        self.failures = failures
        self.error = error

    def __call__(self, sg: Any, logger: Any, event: Any, args: Any) -> None:
        self.calls.append(self.__name__)
        if self.failures:
            self.failures -= 1
            raise self.error.with_traceback(None)


def plugin_of(*callbacks: Callback, stop: bool = True, **options: Any) -> Plugin:
    def register(reg: Any) -> None:
        for callback in callbacks:
            reg.registerCallback(None, None, callback, stopOnError=stop)

    return Plugin(register, options=options)


@pytest.mark.parametrize(
    ("error", "name", "expected"),
    [
        (ConnectionResetError(), "ConnectionResetError", True),
        (ConnectionResetError(), "OSError", True),
        (ConnectionResetError(), "builtins.OSError", True),
        (ConnectionResetError(), "IOError", True),
        (ConnectionResetError(), "TimeoutError", False),
        (shotgun_api3.Fault("busy"), "Fault", True),
        (shotgun_api3.Fault("busy"), "shotgun_api3.Fault", True),
        (shotgun_api3.Fault("busy"), "shotgun_api3.shotgun.ShotgunError", True),
        (shotgun_api3.Fault("busy"), "shotgun.Fault", False),
        (shotgun_api3.Fault("busy"), "other_api.Fault", False),
        (socket.gaierror(), "socket.gaierror", True),
        (concurrent.futures.CancelledError(), "concurrent.futures.CancelledError", True),
        (ValueError("OSError"), "OSError", False),
        (SystemExit(), "SystemExit", True),
    ],
)
def test_an_exception_is_known_by_its_class_and_bases_with_or_without_their_module(
    error: BaseException, name: str, expected: bool
) -> None:
    assert is_called(error, name) is expected


@pytest.mark.parametrize(("stop", "verdict"), [(True, Verdict.PAUSE), (False, Verdict.SKIP)])
def test_without_configuration_a_failure_means_what_stop_on_error_always_meant(
    stop: bool, verdict: Verdict
) -> None:
    assert failure_rules(FailureOptions(), stop_on_error=stop).decide(1, ERROR) is verdict


@given(
    first=st.floats(0.001, 100),
    longest=st.floats(0.001, 10_000),
    attempt=st.integers(1, 5_000),
    luck=st.floats(0, 1),
)
def test_pauses_double_up_to_the_longest_and_lose_at_most_half_of_it(
    first: float, longest: float, attempt: int, luck: float
) -> None:
    rules = FailureRules(retry_backoff=first, retry_backoff_max=longest)
    pause = rules.pause_after(attempt, lambda: luck)
    whole = min(longest, first * 2.0 ** min(attempt - 1, 32))
    assert whole / 2 <= pause <= whole
    assert rules.pause_after(attempt + 1, lambda: luck) >= pause


def test_a_failing_callback_is_tried_again_and_only_it() -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("before", calls),
        Callback("flaky", calls, failures=2),
        Callback("after", calls),
        notify={"max_attempts": 3, "retry_backoff": "2s"},
    )
    result, pauses = plugin.run_to_the_end()
    assert result.outcome is Outcome.SUCCEEDED
    assert calls == ["before", "flaky", "flaky", "flaky", "after"]
    assert 1 <= pauses[0] <= 2 <= pauses[1] <= 4
    assert plugin.failures("flaky") == 2


def test_an_exception_that_is_not_listed_is_not_tried_again() -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("wrong", calls, failures=1), notify={"max_attempts": 5, "retry_on": ["OSError", "Fault"]}
    )
    result, pauses = plugin.run_to_the_end()
    assert (result.outcome, pauses, calls) == (None, [], ["wrong"])


@pytest.mark.parametrize(
    ("on_failure", "outcome", "after"),
    [("pause", None, 0), ("skip", Outcome.SKIPPED, 1), ("dead_letter", Outcome.DEAD_LETTERED, 1)],
)
def test_what_follows_the_last_try(on_failure: str, outcome: Outcome | None, after: int) -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("broken", calls, failures=99),
        Callback("after", calls),
        notify={"max_attempts": 3, "on_failure": on_failure},
    )
    result, pauses = plugin.run_to_the_end()
    assert result.outcome is outcome
    assert len(pauses) == 2
    assert calls == ["broken"] * 3 + ["after"] * after
    assert len(plugin.letters.kept) == (on_failure == "dead_letter")


def test_each_callback_has_all_of_its_tries() -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("first", calls, failures=2),
        Callback("second", calls, failures=2),
        notify={"max_attempts": 3},
    )
    result, pauses = plugin.run_to_the_end()
    assert result.outcome is Outcome.SUCCEEDED
    assert calls == ["first"] * 3 + ["second"] * 3
    assert len(pauses) == 4


def test_an_event_that_was_skipped_for_one_callback_counts_as_skipped_after_retries_of_another() -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("broken", calls, failures=99),
        Callback("flaky", calls, failures=1),
        stop=False,
        **{"notify/flaky": {"max_attempts": 2}},
    )
    result, _ = plugin.run_to_the_end()
    assert result.outcome is Outcome.SKIPPED
    assert calls == ["broken", "flaky", "flaky"]


def test_a_callback_that_ended_before_a_restart_is_not_called_again() -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("before", calls), Callback("flaky", calls, failures=1), notify={"max_attempts": 2}
    )
    first = plugin.run()
    # The metadata of the commit brings the callbacks back, not the number of the attempt.
    again = plugin.runner.run(Delivery(0, 55, 1, b"101", first.delivery.value, {}, 0.0, ended=first.ended))
    assert again.outcome is Outcome.SUCCEEDED
    assert calls == ["before", "flaky", "flaky"]


def test_a_callback_may_ask_for_another_try_without_counting_as_failed() -> None:
    calls: list[str] = []
    plugin = plugin_of(Callback("waits", calls, failures=4, error=RetryRequest(7)))
    result, pauses = plugin.run_to_the_end()
    assert (result.outcome, pauses) == (Outcome.SUCCEEDED, [7, 7, 7, 7])
    assert plugin.failures("waits") == 0


def test_a_callback_may_ask_for_a_dead_letter_whatever_the_rules_say() -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("gives_up", calls, failures=1, error=DeadLetterRequest("the shot is gone")),
        notify={"max_attempts": 9, "on_failure": "pause"},
    )
    assert plugin.run().outcome is Outcome.DEAD_LETTERED
    ((failed, _),) = plugin.letters.kept
    assert failed.reason == "the shot is gone"


def test_an_event_whose_dead_letter_is_not_acknowledged_is_unfinished_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[str] = []
    plugin = plugin_of(Callback("broken", calls, failures=99), notify={"on_failure": "dead_letter"})
    plugin.letters.refuse = True
    result = plugin.run()
    assert result.outcome is None
    assert result.retry_after is not None
    assert "its dead letter was not written (no acknowledgement within 15 s)" in caplog.text
    plugin.letters.refuse = False
    assert plugin.again(result).outcome is Outcome.DEAD_LETTERED


@settings(deadline=None)
@given(
    plans=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["skip", "dead_letter"])), min_size=1, max_size=4
    ),
    most=st.integers(1, 4),
)
def test_whatever_fails_each_callback_is_called_until_it_succeeds_or_has_used_its_tries(
    plans: list[tuple[int, str]], most: int
) -> None:
    calls: list[str] = []
    callbacks = [Callback(f"c{index}", calls, failures) for index, (failures, _) in enumerate(plans)]
    options = {f"*/c{index}": {"on_failure": action} for index, (_, action) in enumerate(plans)}
    plugin = plugin_of(*callbacks, **options, **{"*": {"max_attempts": most}})
    result, _ = plugin.run_to_the_end()
    wanted = [
        f"c{index}" for index, (failures, _) in enumerate(plans) for _ in range(min(failures + 1, most))
    ]
    assert calls == wanted
    gave_up = {action for failures, action in plans if failures >= most}
    worst = "dead_letter" if "dead_letter" in gave_up else "skip" if gave_up else "none"
    assert (
        result.outcome
        is {
            "dead_letter": Outcome.DEAD_LETTERED,
            "skip": Outcome.SKIPPED,
            "none": Outcome.SUCCEEDED,
        }[worst]
    )


def test_after_a_stop_all_tries_begin_anew() -> None:
    calls: list[str] = []
    plugin = plugin_of(Callback("broken", calls, failures=5), notify={"max_attempts": 3})
    stopped, _ = plugin.run_to_the_end()
    assert (stopped.outcome, len(calls)) == (None, 3)
    # When somebody resumes the group
    result = plugin.again(stopped)
    while result.retry_after is not None:
        result = plugin.again(result)
    assert (result.outcome, len(calls)) == (Outcome.SUCCEEDED, 6)


def options_of(entries: dict[str, Any]) -> Any:
    return plugin_options(Settings.model_validate({"consumer": {"plugins": entries}}).consumer, "notify")


def test_the_entry_of_a_callback_goes_before_that_of_its_plugin_and_the_exact_one_before_patterns() -> None:
    entries = {
        "*/on_*": {"max_attempts": 2, "timeout": "2s", "retry_on": ["A"]},
        "*": {"max_attempts": 3, "retry_backoff": "3s", "retry_on": ["B"]},
        "notify/on_change": {"max_attempts": 4},
        "other/on_change": {"max_attempts": 5},
    }
    calls: list[str] = []
    plugin = plugin_of(Callback("on_change", calls), Callback("unlike", calls), **entries)
    change, unlike = map(plugin.rules, plugin.callbacks)
    assert (change.max_attempts, change.timeout, change.retry_backoff, change.retry_on) == (
        4,
        2.0,
        3.0,
        ("A",),
    )
    assert (unlike.max_attempts, unlike.timeout, unlike.retry_on) == (3, None, ("B",))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"notify/on_change": {"api": "seed"}}, "api cannot be set for a callback"),
        ({"*/on_change": {"concurrency": 2}}, "concurrency cannot be set for a callback"),
        ({"*": {"retry_backoff": "9s", "retry_backoff_max": "3s"}}, "retry_backoff_max (3 s) is less than"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        options_of(entries)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("on_failure", "outcome"),
    [("pause", None), ("skip", Outcome.SKIPPED), ("dead_letter", Outcome.DEAD_LETTERED)],
)
def test_poison_gets_the_policy_without_being_run(on_failure: str, outcome: Outcome | None) -> None:
    calls: list[str] = []
    plugin = plugin_of(
        Callback("before", calls),
        Callback("deadly", calls),
        notify={"max_attempts": 5, "on_failure": on_failure},
    )
    value = encode(Event(ROW))
    result = plugin.runner.run(
        Delivery(0, 55, 1, b"101", value, {}, 0.0, ended=frozenset({"before", POISON}))
    )
    assert (result.outcome, result.retry_after, calls) == (outcome, None, [])
    assert [failed.spec.key for failed, _ in plugin.letters.kept] == ["deadly"] * (
        on_failure == "dead_letter"
    )
    if outcome is None:
        # Whoever resumes it wants it run.
        assert plugin.again(result).outcome is Outcome.SUCCEEDED
        assert calls == ["deadly"]


def test_poison_whose_dead_letter_is_not_acknowledged_is_not_run_either() -> None:
    calls: list[str] = []
    plugin = plugin_of(Callback("deadly", calls), notify={"on_failure": "dead_letter"})
    plugin.letters.refuse = True
    result = plugin.runner.run(
        Delivery(0, 55, 1, b"101", encode(Event(ROW)), {}, 0.0, ended=frozenset({POISON}))
    )
    assert plugin.again(result).outcome is None
    plugin.letters.refuse = False
    assert plugin.again(result).outcome is Outcome.DEAD_LETTERED
    assert calls == []


def test_what_another_plugin_of_the_group_was_tried_counts_for_nobody_else() -> None:
    calls: list[str] = []
    plugin = plugin_of(Callback("flaky", calls, failures=9), notify={"max_attempts": 3})
    # Given an event that another plugin of a merged group has tried five times
    texts = frozenset({"other/flaky", "since 2 other/flaky"})
    result = plugin.runner.run(Delivery(0, 55, 1, b"101", encode(Event(ROW)), {}, 0.0, 7, texts))
    while result.retry_after is not None:
        result = plugin.again(result)
    assert (result.outcome, len(calls)) == (None, 3)


def test_an_entry_that_fits_no_callback_of_its_plugins_is_found() -> None:
    entries: dict[str, Any] = {
        name: {} for name in ("notify/on_chnage", "*/on_*", "notify/x", "other/y", "notify")
    }
    consumer = Settings.model_validate({"consumer": {"plugins": entries}}).consumer
    found = unmatched_patterns(consumer, {"notify": ["on_change"], "quiet": []})
    assert found == ["notify/on_chnage", "notify/x"]


def test_an_entry_that_may_fit_a_plugin_which_is_not_loaded_here_is_no_mistake() -> None:
    entries: dict[str, Any] = {"*/on_change": {}, "notify/on_chnage": {}}
    given: dict[str, Any] = {"consumer": {"plugins": entries}}
    consumer = Settings.model_validate(given).consumer
    callbacks = {"notify": ["other"]}
    assert unmatched_patterns(consumer, callbacks) == ["*/on_change", "notify/on_chnage"]
    # One that cannot be loaded
    assert unmatched_patterns(consumer, callbacks, {"report"}) == ["notify/on_chnage"]
    # Or one of another process
    given["consumer"]["only"] = ["notify"]
    here = Settings.model_validate(given).consumer
    assert unmatched_patterns(here, callbacks) == ["notify/on_chnage"]
