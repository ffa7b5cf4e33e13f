"""
The channel of plain threads, before anything is sent.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from twisted.internet.task import Clock

from rpcfw.client.channel import ClientChannel, TimeLimits
from rpcfw.kernel.settings import options_of
from rpcfw.spi.call_details import call_details
from rpcfw.spi.runtime.affinity import Affinity
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_grpc.adapters import BlockingChannel
from rpcfw_grpc.adapters.blocking_calls import BlockingAnswer
from tests.plugins.grpc_adapters.echo import generated


class Facade:
    """
    An application of one channel, whose reactor's thread is this one.
    """

    def __init__(self, channel):
        runtime = SimpleNamespace(plugin_context=plugin_context(Clock()))
        self.application = SimpleNamespace(runtime=runtime, channel=lambda service: channel)

    def run(self, function, *arguments):
        return spawn(function(*arguments)).result

    begin = None


def test_a_stream_that_cannot_be_made():
    """
    A call that cannot be made raises, and leaves no thread that iterates for it.
    """
    messages, stubs = generated()
    timers = SimpleNamespace(seconds=lambda: 0.0)
    channel = ClientChannel(None, options_of(TimeLimits), timers, None, None, Affinity())
    stub = stubs.EchoStub(BlockingChannel(Facade(channel)))
    before = threading.active_count()

    with pytest.raises(ValueError, match=r"math\.inf for no limit"):
        stub.Chat(iter([messages.Ask()]), timeout=1e12)
    assert before == threading.active_count()


class Threads:
    """
    Notes what is asked of it.
    """

    def __init__(self):
        self.posted = []
        self.called = []

    def post(self, function, *arguments):
        self.posted.append((function, arguments))

    def call(self, function, *arguments):
        self.called.append((function, arguments))


def test_callbacks_go_by_the_reactor():
    """
    The pool is asked in the reactor's thread alone, in whichever one a call is ended.
    """
    threads, told = Threads(), []
    call = BlockingAnswer(Future(), call_details(), Clock(), threads, None)
    call.add_callback(told.append)
    call.add_done_callback(told.append)
    assert call.cancel()
    assert [] == threads.called
    for function, arguments in threads.posted:
        function(*arguments)

    assert [(told.append, ()), (told.append, (call,))] == threads.called
