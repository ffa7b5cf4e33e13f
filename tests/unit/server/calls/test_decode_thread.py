"""
Large requests are read by a thread, in the order in which they came.
"""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from twisted.logger import capturedLogs

from rpcfw.errors import InvalidMessage
from rpcfw.server.calls.decode_thread import DecodeThread
from rpcfw.spi.codec import Coder
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Hint
from rpcfw.transport.payload import Payload
from tests.unit.server.calls.test_thread_pool import Turned


def decode(data: bytes) -> tuple[bytes, int]:
    """
    Return what was read, and the thread that read it.
    """
    if not data:
        raise ValueError("nothing is there")
    return data, threading.get_ident()


SLOW = Coder(bytes, decode, at_once_bytes=3)


@pytest.fixture
def reactor():
    return Turned()


@pytest.fixture
def decode_thread(reactor):
    decode_thread = DecodeThread(Payload({}, {}, "", 0, 1000), reactor, Meter())
    decode_thread.threads.start()
    yield decode_thread
    spawn(decode_thread.threads.stop())


def test_small_ones_are_read_at_once(decode_thread):
    """
    A body that its codec reads quickly costs no change of threads.
    """
    results = []
    spawn(decode_thread.read(SLOW, b"abc", "", "the request")).addCallback(results.append)

    assert [(b"abc", threading.get_ident())] == results


def test_large_ones_are_read_in_their_order(reactor, decode_thread):
    """
    One thread reads what is large: what came first is done first.
    """
    results = []
    for body in (b"first", b"second", b"third"):
        spawn(decode_thread.read(SLOW, body, "", "the request")).addCallback(results.append)
    for _ in range(3):
        reactor.turn()

    assert [b"first", b"second", b"third"] == [body for body, _ in results]
    assert threading.get_ident() not in {thread for _, thread in results}
    assert 1 == len({thread for _, thread in results})


def test_bodies_that_wait_are_bounded_in_bytes(reactor, decode_thread):
    """
    More than so many bytes do not wait: further ones are refused until some were read.
    """
    gate = threading.Event()
    slow = Coder(bytes, lambda data: gate.wait(60), at_once_bytes=3)
    body = bytes(40 << 20)
    first, second, third = ([] for _ in range(3))
    spawn(decode_thread.read(slow, body, "", "the request")).addBoth(first.append)
    spawn(decode_thread.read(slow, body, "", "the request")).addErrback(second.append)
    gate.set()
    reactor.turn()
    spawn(decode_thread.read(slow, body, "", "the request")).addBoth(third.append)
    reactor.turn()

    assert [True] == first == third
    assert "67108864 bytes of large or compressed requests wait" in str(second[0].value)
    assert Hint.NOT_BEGUN in second[0].value.hints


def test_what_is_given_up_lets_go_of_its_body(reactor, decode_thread):
    """
    What is needed to read a body is not kept until its turn comes if nobody waits for it.
    """
    gate = threading.Event()
    slow = Coder(bytes, lambda data: gate.wait(60), at_once_bytes=3)

    spawn(decode_thread.read(slow, b"first", "", "the request"))
    other = Coder(bytes, decode, at_once_bytes=3)
    kept = weakref.ref(other)
    waiting = spawn(decode_thread.read(other, b"second", "", "the request"))
    waiting.addErrback(lambda _: None)
    waiting.cancel()
    del other, waiting
    gc.collect()
    try:
        assert kept() is None
    finally:
        gate.set()
        for _ in range(2):
            reactor.turn()


def test_what_cannot_be_read(reactor, decode_thread):
    """
    An error of the reader comes back as that of any other request.
    """
    failures = []
    broken = Coder(bytes, lambda data: decode(b""), at_once_bytes=3)
    spawn(decode_thread.read(broken, b"large", "", "the request")).addErrback(failures.append)
    reactor.turn()

    (failure,) = failures
    assert failure.check(InvalidMessage)
    assert "the request cannot be read: nothing is there" in str(failure.value)


def test_what_cannot_be_read_after_its_call_is_over_is_not_logged(reactor, decode_thread):
    """
    A peer that sends nonsense and gives the call up writes no lines in the log.
    """
    begun, let_go = threading.Event(), threading.Event()

    def decode(data: bytes) -> None:
        begun.set()
        assert let_go.wait(30)
        raise ValueError("nonsense")

    running = spawn(decode_thread.read(Coder(bytes, decode, at_once_bytes=3), b"long", "", "it"))
    running.addErrback(lambda _: None)
    assert begun.wait(30)
    running.cancel()
    with capturedLogs() as lines:
        let_go.set()
        reactor.turn()

    assert [] == lines
