"""
What a caller in a thread hands in, as the reactor gets it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import pytest

from rpcfw.app.thread_channel import ThreadChannel
from rpcfw.values.method import Method, Shape


class Taken:
    """
    A channel that keeps what it is handed.
    """

    def call(self, method, request, *rest):
        return request

    stream = call


@pytest.fixture
def channel():
    return ThreadChannel(Taken(), None)


def method(shape):
    return Method("demo.Echo", "echo", shape, str, str, "json")


@pytest.mark.parametrize("messages", [[1, 2], (1, 2), range(2), {1: 2}])
def test_what_is_at_hand(channel, messages):
    """
    Messages that are all there are handed on as they are.
    """
    assert messages is channel.call(method(Shape.CLIENT_STREAM), messages)


@pytest.mark.parametrize("make", [iter, deque, lambda made: (each for each in made)])
@pytest.mark.parametrize("shape", [Shape.CLIENT_STREAM, Shape.BIDI_STREAM])
def test_what_may_block(channel, make, shape):
    """
    Whatever else can be iterated over is so in a thread, once it is asked for.
    """
    call = channel.call if shape is Shape.CLIENT_STREAM else channel.stream
    messages = make([1])
    handed = call(method(shape), messages)
    assert isinstance(handed, AsyncIterator)
    assert [1] == list(messages)


@pytest.mark.parametrize("shape", [Shape.UNARY, Shape.SERVER_STREAM])
def test_one_message(channel, shape):
    """
    A single message is no stream, even if one could iterate over it.
    """
    message = iter([1])
    assert message is channel.call(method(shape), message)


def test_what_is_asynchronous_or_nothing(channel):
    """
    What the reactor iterates over by itself, and nothing, are handed on as they are.
    """

    async def messages():
        yield 1

    made = messages()
    assert made is channel.stream(method(Shape.BIDI_STREAM), made)
    assert channel.stream(method(Shape.BIDI_STREAM), None) is None
