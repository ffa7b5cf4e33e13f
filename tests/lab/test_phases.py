"""
The phases of a server: when it is announced, and what its log and its metrics say.
"""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.address import Address
from rpcfw.values.health import Health
from rpcfw.values.instance import Instance
from tests.lab.services import Greeter


class Warming(Greeter):
    """
    Takes its time until it is ready.
    """

    takes_s = 5.0

    async def ready(self):
        await sleep(self.clock, self.takes_s)


class Failing(Greeter):
    """
    Never gets ready.
    """

    stops = 0

    async def ready(self):
        raise KeyError("no cache")

    async def stopped(self):
        self.stops += 1


def phases_of(logged):
    """
    Return the log lines of phases, without their beginning.
    """
    lines = map(formatEvent, logged)
    return [line.partition(": ")[2] for line in lines if line.startswith("server phase: ")]


def metric(process, name, meaning, kind="gauge"):
    meter = process.application.runtime.plugin_context.meter
    family = getattr(meter, kind)(name, meaning, "phase")
    return {labels[0]: member.value for labels, member in family if member.value}


def current(process):
    return metric(
        process, "rpcfw_server_phase", "1 for the phase that the server is in, until it stopped"
    )


def spent(process):
    name, meaning = "rpcfw_server_phase_seconds_total", "time in each phase that has ended"
    return metric(process, name, meaning, "counter")


def announced(lab):
    return lab.registry.instances("demo.Greeter")


def test_a_service_that_is_not_ready_is_not_announced(lab):
    """
    Until ready() has ended, nothing is announced, health checks fail, and calls are served.
    """
    process = lab.process("p", [Warming("a", lab.clock)])
    starting = lab.begin(process.application.start())
    lab.advance(4)
    health = process.application.server.health
    assert ((), Health.NOT_SERVING) == (announced(lab), health.of("demo.Greeter"))
    assert {"listening": 1} == current(process)

    by_hand = Instance("demo.Greeter", "by-hand", Address.parse("memory:p"))
    lab.registry.put(by_hand)
    assert "a" == lab.run(lab.client(Greeter).who())
    lab.registry.take(by_hand)
    assert not starting.done
    lab.finish(starting)
    assert (1, Health.SERVING) == (len(announced(lab)), health.of("demo.Greeter"))
    assert {"announced": 1} == current(process)


def test_announce_delay(lab):
    """
    An instance is announced so long after its services are ready.
    """
    process = lab.process("p", [Warming("a", lab.clock)], "server.announce_delay=20s")
    starting = lab.begin(process.application.start())
    lab.advance(24)
    assert () == announced(lab)
    lab.finish(starting)
    assert 25 == pytest.approx(lab.clock.seconds(), abs=0.5)
    assert 1 == len(announced(lab))
    # The warm-up at consumers begins when they can call it, not when the process was started.
    assert 25 == pytest.approx(announced(lab)[0].started_at, abs=0.5)


def test_a_service_that_does_not_get_ready(lab):
    """
    If ready() fails, the server does not start, and other services stop to wait.
    """

    class Other(Warming, name="demo.Other"):
        takes_s = 1000.0

    failing = Failing("a", lab.clock)
    process = lab.process("p", [failing, Other("b", lab.clock)])
    with capturedLogs() as logged, pytest.raises(SetupError, match="no cache"):
        lab.start(process)
    assert (1, ()) == (failing.stops, announced(lab))
    assert lab.clock.seconds() < 100
    assert "stopped, after 0 s draining: it could not start" == phases_of(logged)[-1]


def test_a_start_that_waits_too_long_until_a_service_is_ready(lab):
    """
    startup_timeout is the limit of ready(), too.
    """
    process = lab.process("p", [Warming("a", lab.clock)], "server.startup_timeout=2s")
    with pytest.raises(
        SetupError, match=r"Warming\.ready\(\) had not ended within startup_timeout"
    ):
        lab.start(process)


def test_a_stop_while_a_service_gets_ready(lab):
    """
    A stop does not wait until the services are ready.
    """
    process = lab.process("p", [Warming("a", lab.clock)], "server.announce_delay=1h")
    starting = lab.begin(process.application.start())
    lab.advance(10)
    lab.stop(process)
    assert starting.done
    assert () == announced(lab)
    assert lab.clock.seconds() < 20


def test_a_start_without_the_registry(lab):
    """
    A server is announced when the registry has answered, however late, and its log says so.
    """
    lab.registry.leave()
    process = lab.process("p", [Greeter("a", lab.clock)], "server.announce_timeout=2s")
    with capturedLogs() as logged:
        lab.start(process)
        lab.advance(30)
        assert {"ready": 1} == current(process)
        lab.registry.come_back()
        lab.advance(1)
    assert {"announced": 1} == current(process)
    assert "announced demo.Greeter at memory:p" in map(formatEvent, logged)


def test_the_log_and_the_metrics(lab):
    """
    Each phase is one line of the log, with the time that the one before took, and metrics.
    """
    process = lab.process("p", [Warming("a", lab.clock)])
    with capturedLogs() as logged:
        lab.start(process)
        lab.advance(20)
        client = lab.consumer("client.timeout=20s").application.client(Greeter)
        held = lab.begin(client.slow_write(8))
        lab.advance(1)
        stopping = lab.begin(process.application.stop())
        lab.advance(1)
        assert {"draining": 1} == current(process)
        lab.finish(stopping)
    assert "a" == held.value
    lines = phases_of(logged)
    assert [
        "starting",
        "listening",
        "ready",
        "announced",
        "draining",
        "stopped",
    ] == [line.partition(",")[0] for line in lines]
    assert "ready, after 5 s listening" == lines[2]
    assert "draining, after 21 s announced: 1 calls are open and have 10 s to end" == lines[4]
    assert lines[5].endswith("draining: 0 calls were given up")
    assert "draining: 1 calls are open and have 5 s to end" in map(formatEvent, logged)
    assert {} == current(process)
    found = spent(process)
    assert (5, 21) == (pytest.approx(found["listening"]), pytest.approx(found["announced"]))
    assert 7 == pytest.approx(found["draining"], abs=0.5)


def test_a_server_that_is_stopped_again(lab):
    """
    Stopped is the last phase: a second stop, as that of its application, logs no phase.
    """
    process = lab.process("p", [Greeter("a")])
    lab.start(process)
    lab.run(process.application.server.stop())
    with capturedLogs() as logged:
        lab.stop(process)
    assert [] == phases_of(logged)
    assert {} == current(process)


@pytest.mark.parametrize("hook", ["started", "ready"])
def test_a_service_calls_others_as_it_gets_ready(lab, hook):
    """
    The hooks of a start may call other services with the clients of their own process.
    """

    class Other(Greeter, name="demo.Other"):
        pass

    lab.serve(Other("other", lab.clock), name="other")
    found = []

    class Calling(Greeter):
        pass

    async def call(self):
        found.append(await process.application.client(Other).who())

    setattr(Calling, hook, call)
    process = lab.process("p", [Calling("a", lab.clock)])
    lab.start(process)
    assert ["other"] == found
    assert lab.clock.seconds() < 1
