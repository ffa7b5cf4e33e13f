"""
The public door of a client.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from rpcfw.client.channel import ClientChannel, TimeLimits
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.affinity import Affinity
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import a_call
from rpcfw.testing.scripted import Scripted
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Shape


class Door:
    """
    A channel with a scripted stack.
    """

    def __init__(self, *answers):
        self.clock = Clock()
        self.clock.advance(100)
        self.stack = Scripted(*answers)
        self.closed = 0
        limits = options_of(TimeLimits, timeout="3s", stream_timeout="1h")
        self.posted = []
        timers = Timers(self.clock)
        self.channel = ClientChannel(
            self.stack, limits, timers, self._close, self._post, Affinity()
        )

    async def _close(self):
        self.closed += 1

    def _post(self, function):
        self.posted.append(function)


METHOD = a_call().method


@pytest.mark.parametrize(
    ("method", "given", "limit_s"),
    [
        (METHOD, None, 3),
        (METHOD, 0.5, 0.5),
        (evolve(METHOD, timeout_s=7.0), None, 7),
        (evolve(METHOD, timeout_s=7.0), 1, 1),
        (evolve(METHOD, shape=Shape.CLIENT_STREAM), None, 3600),
    ],
)
def test_the_limit_of_a_call(method, given, limit_s):
    """
    The call's own limit counts, else the method's, else the configured one of its shape.
    """
    door = Door("good")
    assert "good" == spawn(door.channel.call(method, b"", CallOptions(given))).result
    assert 100 + limit_s == door.stack.passed[0].deadline


@pytest.mark.parametrize("given", [timedelta(seconds=1), object(), [1]])
def test_a_limit_of_another_type(given):
    """
    A limit that is no number is refused with what is expected and what came.
    """
    expected = rf"a number of seconds, or text with a unit.*got {type(given).__name__}"
    with pytest.raises(TypeError, match=expected):
        spawn(Door().channel.call(METHOD, b"", CallOptions(given)))


def test_a_stream_is_opened_by_its_use():
    """
    A stream goes through the stack when it is first used, once.
    """

    class Empty:
        async def __anext__(self):
            raise StopAsyncIteration

        def cancel(self):
            raise AssertionError

    door = Door(Empty())
    stream = door.channel.stream(evolve(METHOD, shape=Shape.SERVER_STREAM), b"")
    assert 0 == door.stack.times

    async def read():
        return [message async for message in stream]

    assert [] == spawn(read()).result
    assert [] == spawn(read()).result
    assert 1 == door.stack.times


def test_a_close():
    """
    A close lets go of what is below.
    """
    door = Door()
    spawn(door.channel.close())
    assert 1 == door.closed
