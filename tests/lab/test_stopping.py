"""
Servers that come and go in good order.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError, Service, Status, method
from rpcfw.errors import Rejected, SetupError
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import CANCELLED, sleep
from tests.lab.services import Greeter, Kinds, Streams
from tests.lab.test_failover import Load, serve


@pytest.mark.parametrize("what", ["slow", "slow_write"])
def test_a_graceful_stop_loses_nothing(lab, what):
    """
    No call fails while servers stop one after the other, not even one that may not repeat.
    """
    greeters = [serve(lab, name) for name in "abc"]
    client = lab.client(Greeter)
    load = Load(lab, lambda: getattr(client, what)(0.2))
    lab.advance(1)
    for greeter in greeters[:2]:
        lab.stop(greeter.process)
        lab.advance(2)
    load.stop()
    assert [] == load.failed
    assert len(load.results) > 800
    assert "c" == load.results[-1]
    if what == "slow_write":
        assert len(load.results) == sum(len(greeter.begun) for greeter in greeters)


def test_a_stop_goes_in_order(lab):
    """
    A server that stops is withdrawn first, ends its calls, then its services.
    """
    seen = []

    class Watched(Greeter):
        async def started(self):
            seen.append("started")

        async def leaving(self):
            seen.append(f"leaving, {len(lab.registry.instances('demo.Greeter'))} announced")

        async def stopped(self):
            seen.append(f"stopped after {len(self.ended)} calls")

    process = lab.serve(Watched("a", lab.clock))
    running = lab.begin(lab.client(Greeter).slow_write(2))
    lab.advance(0.5)
    lab.stop(process)
    assert "a" == lab.finish(running)
    assert ["started", "leaving, 0 announced", "stopped after 1 calls"] == seen


def test_a_stop_has_its_limit(lab):
    """
    A call that goes on beyond drain_timeout is given up, and its caller is told.
    """
    greeter = Greeter("a", lab.clock)
    process = lab.serve(greeter, sets=["server.drain_timeout=2s"])
    running = lab.begin(lab.client(Greeter).slow(60, timeout=60))
    lab.advance(0.5)
    began = lab.clock.seconds()
    lab.stop(process)
    assert 2 == pytest.approx(lab.clock.seconds() - began, abs=0.5)
    lab.advance(0.1)
    with pytest.raises(CallError) as caught:
        running.value  # noqa: B018
    assert Status.CANCELLED is caught.value.status
    assert ["slow"] == greeter.ended


def test_a_stop_with_open_streams(lab):
    """
    A stream that would never end holds a stop no longer than drain_timeout.
    """
    streams = Streams(lab.clock)
    process = lab.serve(streams, sets=["server.drain_timeout=1s"])

    async def read():
        return [number async for number in lab.client(Streams).tick(1)]

    reading = lab.begin(read())
    lab.advance(3)
    lab.stop(process)
    lab.advance(0.1)
    with pytest.raises(CallError):
        reading.value  # noqa: B018
    assert ["tick"] == streams.closed


def test_what_comes_too_late_is_refused(lab):
    """
    A stopping server refuses new calls as not begun.
    """
    process = lab.serve(Greeter("a", lab.clock))
    client = lab.client(Greeter)
    held = lab.begin(client.slow_write(2))
    lab.advance(0.5)
    stopping = lab.begin(process.application.stop())
    lab.advance(0.1)  # it is withdrawn first
    with pytest.raises(CallError) as caught:
        lab.run(client.write("late"))
    assert Status.UNAVAILABLE is caught.value.status
    lab.finish(held)
    lab.until(lambda: stopping.done)
    assert not isinstance(caught.value, Rejected) or caught.value.hints


def test_a_failing_service_does_not_hold_a_stop(lab):
    """
    Services that fail as they leave are logged, and the server stops all the same.
    """

    class Failing(Greeter):
        async def leaving(self):
            raise KeyError("leaving")

        async def stopped(self):
            raise KeyError("stopped")

    process = lab.serve(Failing())
    lab.stop(process)
    assert ["leaving", "stopped"] == [error.args[0] for error in lab.errors.flush(KeyError)]
    assert [] == process.network.names


class SlowStart(Service, name="demo.SlowStart"):
    """
    Takes its time to start.
    """

    def __init__(self, clock, error=None):
        self.clock = clock
        self.error = error
        self.seen = []

    @method
    async def ping(self) -> str:
        return "pong"

    async def started(self):
        self.seen.append("starting")
        await sleep(self.clock, 5)
        if self.error is not None:
            raise self.error
        self.seen.append("started")

    async def stopped(self):
        self.seen.append("stopped")


def test_a_start_that_fails_is_undone(lab):
    """
    A server that cannot start has stopped what it had begun, and names what failed.
    """
    greeter, slow = Started(), SlowStart(lab.clock, KeyError("no database"))
    process = lab.process("p", [greeter, slow])
    with pytest.raises(SetupError, match="the server did not start"):
        lab.start(process)
    assert (["started", "stopped"], ["starting"]) == (greeter.seen, slow.seen)
    assert ([], ()) == (process.network.names, lab.registry.services())


class Started(Greeter):
    """
    Notes that it was started and stopped.
    """

    def __init__(self):
        super().__init__()
        self.seen = []

    async def started(self):
        self.seen.append("started")

    async def stopped(self):
        self.seen.append("stopped")


def test_an_address_that_is_taken(lab):
    """
    A second server at an address does not start, says why, and leaves the first alone.
    """
    first = lab.serve(Greeter("first"), name="first")
    greeter = Started()
    second = lab.process("second", [greeter], "server.listen=memory:second, memory:first")
    with pytest.raises(SetupError, match="memory:first"):
        lab.start(second)
    assert ["started", "stopped"] == greeter.seen
    assert (["first"], []) == (first.network.names, second.network.names)
    assert "first" == lab.run(lab.client(Greeter).who())


@pytest.mark.parametrize("after_s", [0, 2.5, 5, 5.001])
def test_a_stop_during_the_start(lab, after_s):
    """
    A stop while the server still starts leaves no port, announcement or service behind.
    """
    slow = SlowStart(lab.clock)
    process = lab.process("p", [Greeter(), slow])
    starting = lab.begin(process.application.start())
    lab.advance(after_s)
    lab.stop(process)
    lab.advance(10)
    assert starting.done
    assert slow.seen in (["starting"], ["starting", "started", "stopped"])
    assert ([], ()) == (process.network.names, lab.registry.services())
    if slow.seen == ["starting"]:
        with pytest.raises((*CANCELLED, SetupError)):
            starting.value  # noqa: B018


def test_a_stop_while_the_registry_is_waited_for(lab):
    """
    A server whose registry is away is stopped while it still announces itself.
    """
    lab.registry.leave()
    process = lab.process("p", [Greeter()])
    lab.begin(process.application.start())
    lab.advance(1)
    assert ["p"] == process.network.names
    lab.stop(process)
    assert [] == process.network.names
    lab.registry.come_back()
    lab.advance(1)
    assert () == lab.registry.services()


def test_a_process_starts_once(lab):
    """
    A stopped application is not started again: a new one is made.
    """
    process = lab.serve(Greeter("first"), name="p")
    lab.stop(process)
    with pytest.raises(SetupError, match="an application starts once: make a new one"):
        lab.start(process)
    lab.serve(Greeter("second"), name="p")
    assert "second" == lab.run(lab.client(Greeter).who())


class SlowToStop(Filter):
    """
    A client's filter that takes its time to stop.
    """

    clock = None
    stopped = 0

    async def apply(self, call, proceed):
        return await proceed(call)

    async def stop(self):
        await sleep(self.clock, 1)
        type(self).stopped += 1


def test_a_client_asked_for_while_clients_stop(lab, monkeypatch):
    """
    Clients that are asked for during a stop do not keep the others from being stopped.
    """
    monkeypatch.setattr(SlowToStop, "clock", lab.clock)
    monkeypatch.setattr(SlowToStop, "stopped", 0)
    lab.serve(Greeter(), Kinds(lab.clock))
    process = lab.consumer(
        "plugins.filters.slow=tests.lab.test_stopping:SlowToStop",
        "client.insert=slow before ATTEMPTS",
    )
    application = process.application
    lab.run(application.client(Greeter).say("bob"))
    lab.run(application.client(Kinds).coroutine("bob"))
    stopping = lab.begin(application.stop())
    lab.advance(0.5)
    application.client(Streams)
    lab.finish(stopping)
    assert SlowToStop.stopped == 2
