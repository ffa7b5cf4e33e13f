"""
Reading a stream of the package etcd3 in a thread, with a stream of our own.
"""

from __future__ import annotations

from queue import Queue

import pytest
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from rpcfw.app.threads import ReactorThreads
from rpcfw.errors import CallError, Cancelled, DeadlineExceeded, Unavailable
from rpcfw.spi.runtime.waiting import spawn
from rpcfw_registries.etcd.etcd3.reading import Reading


class Code:
    value = (4, "deadline exceeded")


class Expired(Exception):
    """
    As gRPC's own.
    """

    def code(self):
        return Code

    def details(self):
        return "Deadline Exceeded"


class Responses:
    """
    An iterator that blocks until it is given something.
    """

    def __init__(self):
        self.given = Queue()
        self.taken = 0
        self.cancelled = False

    def __next__(self):
        response = self.given.get(timeout=10)
        if isinstance(response, Exception):
            raise response
        self.taken += 1
        return response

    def cancel(self):
        self.cancelled = True
        self.given.put(Expired())


class TestReading(TestCase):
    timeout = 10

    def setUp(self):
        self.responses = Responses()
        self.reading = Reading(lambda: self.responses, lambda one: 2 * one, self.post)
        self.addCleanup(self.reading.cancel)

    def post(self, function, *args):
        ReactorThreads(reactor).post(function, *args)

    async def test_hands_over_what_comes(self):
        """
        Responses arrive converted, in their order, and then the end.
        """
        for one in (1, 2, 3, StopIteration()):
            self.responses.given.put(one)
        assert [2, 4, 6] == [await anext(self.reading) for _ in range(3)]
        with pytest.raises(StopAsyncIteration):
            await anext(self.reading)

    async def test_a_failure_has_the_status_of_the_call(self):
        """
        What gRPC says of a call comes as our own gRPC would say it.
        """
        self.responses.given.put(Expired())
        with pytest.raises(DeadlineExceeded):
            await anext(self.reading)

    async def test_a_bug_of_the_package_ends_the_reading(self):
        """
        Whatever the package raises, the reader is told, and does not wait for ever.
        """
        self.responses.given.put(KeyError("odd"))
        with pytest.raises(Unavailable):
            await anext(self.reading)

    async def test_reads_little_ahead(self):
        """
        Of what nobody takes only a few responses are received.
        """
        for one in range(100):
            self.responses.given.put(one)
        assert [0, 2, 4] == [await anext(self.reading) for _ in range(3)]
        assert self.responses.taken <= 3 + 8

    async def test_gives_up_at_once(self):
        """
        Who cancels a reading that waits is told so, and the call ends too.
        """
        waiting = spawn(anext_of(self.reading))
        self.reading.cancel()
        with pytest.raises(Cancelled):
            await waiting
        assert self.responses.cancelled

    async def test_a_call_that_cannot_begin_fails(self):
        """
        What stops a call from being begun is told to its reader.
        """

        def begin():
            raise Unavailable("a file is gone")

        with pytest.raises(CallError):
            await anext(Reading(begin, lambda one: one, self.post))


async def anext_of(reading):
    return await anext(reading)
