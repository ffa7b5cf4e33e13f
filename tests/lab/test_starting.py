"""
The first call of a client, whenever that was asked for. Nothing is repeated here.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SetupError
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.call import Call
from tests.lab.services import Greeter, Kinds

ONCE = "retry.max_attempts=1"


async def every(stream):
    return [message async for message in stream]


CALLS = {
    "unary": (lambda client: client.coroutine("bob"), "BOB"),
    "waiting": (lambda client: client.waiting("bob"), "BOB"),
    "server streams": (lambda client: every(client.up(3)), [0, 1, 2]),
    "client streams": (lambda client: client.total(iter([1, 2, 3])), 6),
    "both stream": (lambda client: every(client.double(iter([1, 2]))), [2, 4]),
}


@pytest.fixture
def kinds(lab):
    lab.serve(Kinds(lab.clock))
    return lab


@pytest.mark.parametrize("shape", CALLS)
def test_a_client_asked_for_in_a_running_application(kinds, shape):
    """
    The first call of a client that is asked for after the start needs no second attempt.
    """
    call, answer = CALLS[shape]
    application = kinds.consumer(ONCE).application

    async def main():
        return await call(application.client(Kinds))

    assert answer == kinds.run(main())


@pytest.mark.parametrize("shape", CALLS)
def test_a_program_of_one_block(kinds, shape):
    """
    The commonest program: start in a block, ask for a client, call it, stop.
    """
    call, answer = CALLS[shape]
    application = kinds.process("consumer", (), ONCE).application

    async def main():
        async with application:
            return await call(application.client(Kinds))

    assert answer == kinds.run(main())


def test_a_client_asked_for_while_another_starts(kinds):
    """
    What is asked for while the application starts is as good when the start is over.
    """
    application = kinds.process("consumer", (), ONCE).application
    starting = kinds.begin(application.start())
    client = application.client(Kinds)
    kinds.finish(starting)
    assert "BOB" == kinds.run(client.coroutine("bob"))


class Late(Filter):
    """
    A plugin that takes its time to start.
    """

    clock = None
    started = False

    async def start(self) -> None:
        await sleep(self.clock, 1)
        type(self).started = True

    async def apply(self, call: Call, proceed):
        assert self.started
        return await proceed(call)


@pytest.mark.parametrize("late_stop", [False, True])
def test_calls_wait_for_the_plugins_of_their_client(kinds, monkeypatch, late_stop):
    """
    No call passes a filter before the filter has started; a stop meanwhile leaves nothing.
    """
    monkeypatch.setattr(Late, "clock", kinds.clock)
    monkeypatch.setattr(Late, "started", False)
    application = kinds.consumer(
        ONCE,
        "plugins.filters.late=tests.lab.test_starting:Late",
        "client.insert=late before ATTEMPTS",
    ).application
    client = application.client(Kinds)
    if late_stop:
        kinds.run(application.stop())
        return
    kinds.advance(2)
    assert "BOB" == kinds.run(client.coroutine("bob"))


class Noted(Filter):
    """
    Notes that it is started and stopped.
    """

    notes: list[str] = []  # noqa: RUF012  # shared, so that the test sees it

    async def start(self):
        self.notes.append("start")

    async def stop(self):
        self.notes.append("stop")

    async def apply(self, call, proceed):
        return await proceed(call)


class Broken(Noted):
    """
    Does not start.
    """

    async def start(self):
        raise ValueError("broken")


def test_clients_that_were_started_before_one_that_was_not(kinds):
    """
    A start that fails stops them: their filters, and their look-out for instances.
    """
    Noted.notes.clear()
    application = kinds.process(
        "consumer",
        (),
        f"plugins.filters.noted={__name__}:Noted",
        f"plugins.filters.broken={__name__}:Broken",
        "client demo.Kinds.insert=noted after DEADLINE",
        "client demo.Greeter.insert=broken after DEADLINE",
    ).application
    application.client(Kinds)
    application.client(Greeter)

    with pytest.raises(SetupError, match="broken"):
        kinds.run(application.start())
    assert ["start", "stop"] == Noted.notes
    assert all(client.stopped for client in application.clients)
