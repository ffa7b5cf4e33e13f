"""
Calls without a time limit: how one is asked for, and what ends one all the same.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from rpcfw import CallError, Service, Status, context, method
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, sleep

#: More than any default: streams may take 1 h.
HOURS_S = 2 * 3600.0


class Patient(Service, name="demo.Patient"):
    """
    Takes its time, and notes how much it was given.
    """

    def __init__(self, clock):
        self.clock = clock
        self.deadlines = []
        self.given_up = 0

    async def _wait(self, seconds):
        self.deadlines.append(context().deadline)
        try:
            await (sleep(self.clock, seconds) if seconds else Waiter())
        except CANCELLED:
            self.given_up += 1
            raise

    @method
    async def unary(self, seconds: float) -> str:
        await self._wait(seconds)
        return "done"

    @method(timeout="none")
    async def marked(self, seconds: float) -> str:
        await self._wait(seconds)
        return "done"

    @method
    async def down(self, seconds: float) -> AsyncIterator[str]:
        yield "begun"
        await self._wait(seconds)
        yield "done"


@pytest.fixture(params=["native", "grpc"])
def wire(request):
    """
    Each wire.
    """
    return request.param


def serve(lab, wire, *sets):
    service = Patient(lab.clock)
    wires = (f"app.protocols={wire}", f"server.protocols={wire}")
    return service, lab.serve(service, name="a", sets=[*wires, *sets])


def consumer(lab, wire, *sets):
    return lab.consumer(f"app.protocols={wire}", f"client.protocols={wire}", *sets).application


WAYS = {
    "in the INI": (["client.timeout=none"], lambda client: client.unary(HOURS_S)),
    "for a service": (["client demo.Patient.timeout=none"], lambda client: client.unary(HOURS_S)),
    "at the method": ([], lambda client: client.marked(HOURS_S)),
    "in the call": ([], lambda client: client.unary(HOURS_S, timeout="none")),
    "as a number": ([], lambda client: client.unary(HOURS_S, timeout=math.inf)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_may_take_as_long_as_it_takes(lab, wire, way):
    """
    A call that is asked to have no limit has none at either side, however that was said.
    """
    service, _ = serve(lab, wire, "server.max_timeout=none")
    sets, call = WAYS[way]
    client = consumer(lab, wire, *sets).client(Patient)
    assert "done" == lab.run(call(client), limit_s=2 * HOURS_S)
    assert [math.inf] == service.deadlines


def test_a_stream_may_stay_open_as_long_as_it_takes(lab, wire):
    """
    The same for streams, which have a limit of their own in the INI.
    """
    service, _ = serve(lab, wire, "server.max_timeout=none")
    client = consumer(lab, wire, "client.stream_timeout=none").client(Patient)

    async def read():
        return [each async for each in client.down(HOURS_S)]

    assert ["begun", "done"] == lab.run(read(), limit_s=2 * HOURS_S)
    assert [math.inf] == service.deadlines


def test_a_server_may_limit_what_its_callers_do_not(lab, wire):
    """
    ``max_timeout`` is the limit of calls without one, an hour if nothing is said.
    """
    service, _ = serve(lab, wire)
    client = consumer(lab, wire).client(Patient)
    began = lab.clock.seconds()
    with pytest.raises(CallError) as caught:
        lab.run(client.unary(HOURS_S, timeout="none"), limit_s=2 * HOURS_S)
    assert Status.DEADLINE_EXCEEDED is caught.value.status
    assert 3600 == pytest.approx(lab.clock.seconds() - began, abs=5)
    assert 1 == service.given_up


def test_giving_up_reaches_the_server(lab, wire):
    """
    A call without a limit is cancelled like any other.
    """
    service, _ = serve(lab, wire, "server.max_timeout=none")
    client = consumer(lab, wire, "client.timeout=none").client(Patient)
    running = lab.begin(client.unary(0))
    lab.until(lambda: service.deadlines)
    lab.advance(HOURS_S)
    running.cancel()
    lab.until(lambda: service.given_up == 1)


def test_a_server_that_is_gone_without_a_word_ends_it(lab, wire):
    """
    Signs of life are asked for while a call is open, so that one does not wait for the dead.
    """
    _, server = serve(lab, wire, "server.max_timeout=none")
    client = consumer(lab, wire, "client.timeout=none").client(Patient)
    running = lab.begin(client.unary(0))
    lab.advance(1)
    lab.cut_off(server)
    with pytest.raises(CallError, match="no answer to a keepalive ping") as caught:
        lab.finish(running, limit_s=900)
    assert Status.UNAVAILABLE is caught.value.status
    lab.reconnect(server)


def test_a_client_that_is_gone_without_a_word_ends_it(lab, wire):
    """
    So do servers: what nobody waits for any more is given up.
    """
    service, _ = serve(lab, wire, "server.max_timeout=none")
    process = lab.consumer(
        f"app.protocols={wire}", f"client.protocols={wire}", "client.timeout=none"
    )
    running = lab.begin(process.application.client(Patient).unary(0))
    lab.until(lambda: service.deadlines)
    lab.cut_off(process)
    lab.until(lambda: service.given_up == 1, limit_s=900)
    lab.reconnect(process)
    with pytest.raises(CallError):
        lab.finish(running, limit_s=900)


class Outer(Service, name="demo.Outer"):
    """
    Calls in turn, without a limit of its own.
    """

    def __init__(self):
        self.inner = None

    @method
    async def unary(self, seconds: float) -> str:
        return await self.inner.unary(seconds, timeout="none")


def test_a_nested_call_keeps_its_callers_limit(lab, wire):
    """
    No limit asked for within a call that has one is that one.
    """
    service, _ = serve(lab, wire, "server.max_timeout=none")
    outer = Outer()
    wires = (f"app.protocols={wire}", f"server.protocols={wire}", f"client.protocols={wire}")
    process = lab.serve(outer, name="b", sets=wires)
    outer.inner = process.application.client(Patient)
    client = consumer(lab, wire).client(Outer)
    with pytest.raises(CallError) as caught:
        lab.run(client.unary(HOURS_S, timeout="2s"))
    assert Status.DEADLINE_EXCEEDED is caught.value.status
    [deadline] = service.deadlines
    assert math.isfinite(deadline)
