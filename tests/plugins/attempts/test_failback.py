"""
Retries in the background, and their limits.
"""

from __future__ import annotations

from math import inf

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import ApplicationError, NoInstances, Rejected, SettingsError, Unavailable
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.attempts import (
    AttemptStrategyContract,
    Fleet,
    a_timed_call,
    result_of,
)
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.call import serving
from rpcfw.values.metadata import EMPTY, PREVIOUS_ATTEMPTS, Metadata
from rpcfw_attempts.failback import Failback, FailbackOptions
from rpcfw_retries.never import NeverRetry


class TestFailback(AttemptStrategyContract):
    hides_failures = True
    in_background = True

    def make(self, plugin_context):
        return Failback(options_of(FailbackOptions), plugin_context)


class Scene:
    """
    A strategy whose attempts fail for as long as a test says.
    """

    def __init__(self, **texts):
        self.context = plugin_context()
        self.clock = self.context.clock
        self.error = Unavailable("gone")
        self.requests = []
        self.fleet = Fleet(self.end)
        self.strategy = self.made(**texts)

    def made(self, **texts):
        strategy = Failback(options_of(FailbackOptions, **texts), self.context)
        policy = NeverRetry(NeverRetry.Options(), self.context)
        self.step = strategy.bind(self.fleet.attempt, policy)
        return strategy

    def end(self, call):
        self.requests.append(call.request)
        return self.error or "good"

    def fail(self, request="message", metadata=EMPTY, **fields):
        call = a_timed_call(**fields)
        call.metadata = metadata
        call.request = request
        assert result_of(spawn(self.step(call))) is None

    def count(self, name):
        full = f"rpcfw_client_failback_{name}_total"
        found = self.context.meter.counter(full, "", "service", "method")
        return sum(counter.value for _, counter in found)

    @property
    def waiting(self):
        return self.context.meter.gauge("rpcfw_client_failback_waiting", "").of().value

    @property
    def begun(self):
        return len(self.fleet.attempts)


def test_it_is_made_later():
    """
    The caller goes on at once; the call is made again after the period, until it succeeds.
    """
    scene = Scene(period="5s")
    scene.fail()
    scene.clock.advance(4.9)
    assert (1, 1) == (scene.begun, scene.waiting)
    scene.clock.advance(0.2)
    assert (2, 1) == (scene.begun, scene.waiting)
    scene.error = None
    scene.clock.advance(5)
    assert (3, 0) == (scene.begun, scene.waiting)
    assert (1, 0) == (scene.count("recovered"), scene.count("given_up"))
    scene.clock.advance(100)
    assert ["0", "1", "2"] == [
        str(one.metadata.get("grpc-previous-rpc-attempts", "0")) for one in scene.fleet.attempts
    ]


def test_its_message_is_kept():
    """
    What the caller does with its message afterwards changes nothing.
    """
    scene, message = Scene(), ["a"]
    scene.fail(message)
    message.append("b")
    scene.error = None
    scene.clock.advance(5)
    assert [["a"], ["a"]] == [scene.requests[0][:1], scene.requests[1]]


def test_it_is_given_up():
    """
    After so many retries, or when it is too old, the call is given up.
    """
    for texts, expected in (
        ({"max_retries": "2"}, 3),
        ({"max_retries": "9", "max_age": "12s"}, 3),
    ):
        scene = Scene(**texts)
        scene.fail()
        for _ in range(100):
            scene.clock.advance(1)
        assert (expected, 1, 0) == (scene.begun, scene.count("given_up"), scene.waiting)


def test_the_queue_is_limited():
    """
    More calls, or larger ones, than the queue takes are given up at once.
    """
    scene = Scene(max_waiting="2")
    for _ in range(5):
        scene.fail()
    assert (2, 3) == (scene.waiting, scene.count("given_up"))
    scene = Scene(max_bytes="1KiB")
    for _ in range(3):
        scene.fail("x" * 500)
    assert (1, 2) == (scene.waiting, scene.count("given_up"))


def test_memory_is_given_back():
    """
    What was retried with success makes room for other calls.
    """
    scene = Scene(max_bytes="1KiB")
    for _ in range(5):
        scene.error = Unavailable("gone")
        scene.fail("x" * 500)
        scene.error = None
        scene.clock.advance(5)
    assert (0, 5, 0) == (scene.waiting, scene.count("recovered"), scene.count("given_up"))


def test_a_retry_without_a_time_limit():
    """
    A retry of a call that has no time limit has one nevertheless: ``max_age``.
    """
    scene = Scene(period="5s", max_age="60s", max_retries="1")
    call = a_timed_call()
    call.deadline = inf
    result_of(spawn(scene.step(call)))
    scene.error = Waiter()
    scene.clock.advance(5)
    assert (1, 1) == (scene.fleet.under_way, scene.waiting)
    scene.clock.advance(61)
    assert (0, 0) == (scene.fleet.under_way, scene.waiting)


def test_metadata_takes_memory():
    """
    A call whose metadata does not fit the memory is given up, however small its message is.
    """
    scene = Scene(max_bytes="1KiB")
    scene.fail("x", metadata=Metadata.of({"large": "x" * 2000}))
    assert (0, 1) == (scene.waiting, scene.count("given_up"))


@pytest.mark.parametrize(
    ("error", "idempotent", "retried"),
    [
        (Unavailable("gone"), True, True),
        (Unavailable("gone"), False, False),
        (NoInstances("none"), False, True),
        (Rejected("full"), False, True),
        (ApplicationError(Status.NOT_FOUND, "no such thing"), True, False),
        (Rejected("never", hints=Hint.NOT_BEGUN | Hint.FINAL), True, False),
    ],
)
def test_what_is_retried(error, idempotent, retried):
    """
    What may have begun is retried only if it is idempotent, and no answer of the method is.
    """
    scene = Scene()
    scene.error = error
    scene.fail(idempotent=idempotent)
    assert retried == scene.waiting
    assert retried != scene.count("given_up")


@pytest.mark.parametrize(("error", "retried"), [(Unavailable(), 0), (NoInstances(), 1)])
def test_no_retry_of_a_retry(error, retried):
    """
    A call that serves a retried one is made again only if it was never sent.
    """
    scene = Scene()
    scene.error = error
    token = serving.set(a_call(metadata={PREVIOUS_ATTEMPTS: "1"}))
    try:
        scene.fail()
    finally:
        serving.reset(token)
    assert (retried, 1 - retried) == (scene.waiting, scene.count("given_up"))


def test_the_stop():
    """
    What waits when the client stops, or is being retried, is given up, and counted.
    """
    scene = Scene()
    scene.fail()
    scene.error = Waiter()
    scene.clock.advance(5)
    scene.error = Unavailable("gone")
    scene.fail()
    assert (1, 2) == (scene.fleet.under_way, scene.waiting)
    with capturedLogs() as logs:
        result_of(spawn(scene.strategy.stop()))
    assert ["this client stops"] == [
        formatEvent(event).partition("given up: ")[2] for event in logs
    ]
    assert (0, 0, 2) == (scene.fleet.under_way, scene.waiting, scene.count("given_up"))
    scene.clock.advance(100)
    assert 3 == scene.begun
    scene.fail()
    assert (0, 3) == (scene.waiting, scene.count("given_up"))


def test_the_limits_are_for_all_options():
    """
    What waits in an instance that was replaced counts in the one that replaces it.
    """
    scene = Scene(max_waiting="2")
    scene.fail()
    before = scene.strategy
    after = scene.made(max_waiting="2")
    after.take_over(before)
    scene.fail()
    scene.fail()
    assert (2, 1) == (scene.waiting, scene.count("given_up"))
    scene.error = None
    scene.clock.advance(5)
    assert (0, 2) == (scene.waiting, scene.count("recovered"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("period", "0s"), ("max_retries", "0"), ("max_waiting", "0"), ("max_age", "4s")],
)
def test_options_that_mean_nothing(name, value):
    """
    What no queue could be made of is refused.
    """
    with pytest.raises(SettingsError, match=name):
        options_of(FailbackOptions, **{name: value})
