"""What a callback gets, what happens when it fails, and how the worker stops a lane."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from configparser import ConfigParser
from typing import Any

import pytest
from failing_plugin import ROW, Plugin
from support import wait_until

from shotgun_consumer import Context, Position
from shotgun_consumer.metrics import DEFINITIONS
from shotgun_consumer.plugins.registrar import make_registrar
from shotgun_consumer.running.completions import Completions
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.header_filter import wanted_by
from shotgun_consumer.running.worker import Worker
from shotgun_schemas import headers
from shotgun_schemas.codec import encode_without_meta
from shotgun_schemas.event import Event


def test_a_callback_of_four_arguments_gets_its_own_connection_logger_event_and_args() -> None:
    calls: list[Any] = []
    args = {"state": []}

    def call(sg: Any, logger: logging.Logger, event: dict[str, Any], args: Any) -> None:
        calls.append((sg, logger, event, args))

    plugin = Plugin(lambda reg: reg.registerCallback("script", "key", call, None, args))
    assert plugin.run().outcome is Outcome.SUCCEEDED
    plugin.run({**ROW, "session_uuid": None})
    (sg, logger, event, given), (again, *_) = calls
    assert (sg.config.script_name, sg.config.api_key) == ("script", "key")
    assert sg is again
    assert again.config.session_uuid is None
    assert logger.name == "plugin.notify.call"
    assert given is args
    assert (event["id"], event["created_at"].tzinfo is not None) == (101, True)


def test_two_callbacks_share_the_event_and_nothing_of_their_connections() -> None:
    seen: list[Any] = []

    def first(sg: Any, logger: Any, event: Any, args: Any) -> None:
        assert sg.config.session_uuid == "uuid-1"
        sg.config.script_name = "changed"
        event["mark"] = "first"
        seen.append(event)

    def second(sg: Any, logger: Any, event: Any, args: Any) -> None:
        assert sg.config.script_name == "service"
        seen.append(event)

    def register(reg: Any) -> None:
        reg.registerCallback(None, None, first)
        reg.registerCallback(None, None, second)

    assert Plugin(register).run().outcome is Outcome.SUCCEEDED
    assert seen[0] is seen[1]
    assert seen[1]["mark"] == "first"


def test_a_callback_of_three_arguments_is_called_as_the_seed_did() -> None:
    seen: list[Any] = []

    def call(sg: Any, event: Any, args: Any) -> None:
        seen.append((event["id"], args))

    Plugin(lambda reg: reg.registerCallback("s", "k", call, "the args"), api="seed").run()
    assert seen == [(101, "the args")]


def test_a_callback_of_one_argument_gets_a_context() -> None:
    contexts: list[Context] = []
    args = object()

    def call(context: Context) -> None:
        contexts.append(context)

    plugin = Plugin(lambda reg: reg.registerCallback("script", "key", call, None, args))
    plugin.run()
    plugin.run()
    first, repeated = contexts
    assert first.position == Position("shotgun.events", 0, 55)
    assert first.idempotency_key == repeated.idempotency_key == "anim.notify/call/101"
    assert first.args is args
    assert first.event["id"] == 101
    assert first.sg.config.session_uuid == "uuid-1"
    assert first.logger.name == "plugin.notify.call"


def raising(error: BaseException) -> Callable[..., None]:
    def fail(sg: Any, logger: Any, event: Any, args: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), TimeoutError("slow")]
)
def test_a_failure_stops_the_event_and_is_told_with_its_traceback(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    later: list[int] = []

    def register(reg: Any) -> None:
        reg.registerCallback(None, None, raising(error))
        reg.registerCallback(None, None, lambda sg, logger, event, args: later.append(1))

    plugin = Plugin(register)
    result = plugin.run()
    assert result.outcome is None
    assert later == []
    assert plugin.failures("fail") == 1
    record = caplog.records[-1]
    assert record.levelname == "ERROR"
    assert "event 101" in record.getMessage()
    assert "shotgun.events[0]@55" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize(("stop", "options"), [(False, {}), (True, {"*": {"on_failure": "skip"}})])
def test_a_failure_that_may_be_passed_over_lets_later_callbacks_run(stop: bool, options: Any) -> None:
    later: list[int] = []

    def register(reg: Any) -> None:
        reg.registerCallback(None, None, raising(ValueError("no")), stopOnError=stop)
        reg.registerCallback(None, None, lambda sg, logger, event, args: later.append(1))

    assert Plugin(register, options=options).run().outcome is Outcome.SKIPPED
    assert later == [1]


def test_a_seed_plugin_goes_on_after_an_exception() -> None:
    def fail(sg: Any, event: Any, args: Any) -> None:
        raise ValueError

    plugin = Plugin(lambda reg: reg.registerCallback("s", "k", fail), api="seed")
    assert plugin.run().outcome is Outcome.SKIPPED


def test_an_event_that_no_callback_wants_is_filtered() -> None:
    plugin = Plugin(lambda reg: reg.registerCallback(None, None, print, {"Shotgun_Shot_New": None}))
    assert plugin.run().outcome is Outcome.FILTERED


def test_an_event_that_cannot_be_decoded_is_unfinished_and_named(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Plugin(
        lambda reg: reg.registerCallback(None, None, print), options={"*": {"on_failure": "skip"}}
    )
    assert plugin.run(value=b"rubbish").outcome is None
    assert "shotgun.events[0] offset 55" in caplog.text


def test_an_oversize_event_is_completed_from_the_site_which_may_fail_first() -> None:
    seen: list[Any] = []
    answers: list[Any] = [
        OSError("down"),
        {**ROW, "event_type": "changed since", "meta": {"at": "2026-01-21T19:47:33Z"}},
    ]

    def find(event_id: int) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def call(sg: Any, logger: Any, event: Any, args: Any) -> None:
        seen.append(event)

    plugin = Plugin(lambda reg: reg.registerCallback(None, None, call), find=find)
    result = plugin.run(value=encode_without_meta(Event(ROW)), **{headers.META_BYTES: b"9000000"})
    assert result.outcome is Outcome.SUCCEEDED
    assert seen[0]["event_type"] == "Shotgun_Task_Change"
    assert seen[0]["meta"]["at"].year == 2026


def test_an_oversize_event_that_the_site_no_longer_has_is_unfinished() -> None:
    plugin = Plugin(lambda reg: reg.registerCallback(None, None, print))
    result = plugin.run(value=encode_without_meta(Event(ROW)), **{headers.META_BYTES: b"9000000"})
    assert result.outcome is None
    assert "the site no longer has it" in result.reason


def test_a_stop_ends_the_wait_for_a_site_that_is_down() -> None:
    def find(event_id: int) -> Any:
        raise OSError("down")

    plugin = Plugin(lambda reg: reg.registerCallback(None, None, print), find=find)
    plugin.stopping.set()
    assert plugin.run(value=encode_without_meta(Event(ROW)), **{headers.META_BYTES: b"1"}).outcome is None


@pytest.mark.parametrize(
    ("given", "deliver_backfill", "wanted"),
    [
        ({"event_type": b"A", "attribute_name": b"x"}, False, True),
        ({"event_type": b"A", "attribute_name": b"y"}, False, False),
        ({"event_type": b"B", "attribute_name": b"x"}, False, False),
        ({"event_type": b"A", "attribute_name": b"x", "backfill": b"job"}, False, False),
        ({"event_type": b"A", "attribute_name": b"x", "backfill": b"job"}, True, True),
        ({}, False, True),
    ],
)
def test_what_nobody_wants_is_seen_from_the_headers_alone(
    given: dict[str, bytes], deliver_backfill: bool, wanted: bool
) -> None:
    registrar = make_registrar("p", "classic", ConfigParser())
    registrar.registerCallback(None, None, print, {"A": ["x"]})
    filters = [spec.filter.wants for spec in registrar.callbacks()]
    wants = wanted_by(filters, deliver_backfill=deliver_backfill)
    assert wants(Delivery(0, 0, 1, b"1", b"not decoded", given, 0.0)) is wanted


def delivery(offset: int, partition: int = 0) -> Delivery:
    return Delivery(partition, offset, 1, None, b"", {}, 0.0)


class Gate:
    """A worker whose events wait until the test lets them go."""

    def __init__(self) -> None:
        self.entered: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.leave: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self.completions = Completions()
        self.worker = Worker("test", [self.run])

    def run(self, one: Delivery) -> Result:
        self.entered.put(one.offset)
        return Result(one, self.leave.get())

    def result(self) -> Result:
        (result,) = self.completions.take(30)
        return result


def test_a_worker_runs_one_event_after_the_other_and_stops_a_lane_behind_a_failure() -> None:
    gate = Gate()
    gate.worker.hand_over([delivery(0), delivery(1), delivery(0, partition=1), delivery(2)], gate.completions)
    assert gate.entered.get(timeout=30) == 0
    gate.leave.put(None)
    failed = gate.result()
    assert failed.outcome is None
    assert [(one.partition, one.offset) for one in failed.withheld] == [(0, 1), (0, 2)]
    gate.entered.get(timeout=30)
    gate.leave.put(Outcome.SUCCEEDED)
    assert gate.result().delivery.partition == 1
    gate.worker.close()
    assert gate.worker.join(30)


def test_what_is_handed_over_behind_a_failure_that_its_owner_does_not_know_of_does_not_overtake_it() -> None:
    # Given an event that has failed, and an owner that has not taken in its result
    gate = Gate()
    gate.worker.hand_over([delivery(0), delivery(1)], gate.completions)
    gate.entered.get(timeout=30)
    gate.leave.put(None)
    wait_until(lambda: gate.worker.running == [])
    # When the owner hands over what lies behind, and an event of another partition
    gate.worker.hand_over([delivery(2), delivery(0, partition=1), delivery(3)], gate.completions)
    gate.leave.put(Outcome.SUCCEEDED)
    # Then only the other partition's runs, and the others come back with the result
    results: list[Result] = []
    wait_until(lambda: results.extend(gate.completions.take(0)) or len(results) == 2)
    failed, other = results
    assert [one.offset for one in failed.withheld] == [1, 2, 3]
    assert other.delivery.partition == 1
    # And when the owner tries the event again, those behind it run after it
    gate.worker.hand_over([failed.delivery, *failed.withheld], gate.completions)
    for _ in range(4):
        gate.leave.put(Outcome.SUCCEEDED)
    wait_until(lambda: gate.entered.qsize() == 5)
    assert [gate.entered.get() for _ in range(5)] == [0, 0, 1, 2, 3]
    gate.worker.close()
    assert gate.worker.join(30)


def test_what_has_not_started_can_be_withdrawn_and_what_runs_is_named() -> None:
    gate = Gate()
    gate.worker.hand_over([delivery(0), delivery(1), delivery(0, partition=1)], gate.completions)
    gate.entered.get(timeout=30)
    assert gate.worker.withdraw([0]) == [delivery(1)]
    assert gate.worker.running == [delivery(0)]
    gate.worker.close()
    gate.leave.put(Outcome.SUCCEEDED)
    assert gate.result().outcome is Outcome.SUCCEEDED
    assert gate.worker.join(30)
    assert gate.completions.take(0) == []


def test_a_defect_in_running_an_event_leaves_it_unfinished() -> None:
    completions = Completions()

    def run(one: Delivery) -> Result:
        raise RuntimeError("a defect")

    worker = Worker("test", [run])
    worker.hand_over([delivery(0)], completions)
    (result,) = completions.take(30)
    assert result.outcome is None
    worker.close()
    assert worker.join(30)


def test_every_metric_has_a_name_of_ours_and_few_enough_buckets() -> None:
    for definition in DEFINITIONS:
        assert definition.name.startswith("shotgun_consumer_")
        assert definition.help.endswith(".")
        assert len(definition.buckets) <= 10
