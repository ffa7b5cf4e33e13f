"""
What is shown of a call that a user makes.
"""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from attrs import frozen

from rpcfw.console.calling import call_method
from rpcfw.console.invocation import of_json
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.call_options import CallOptions


class Channel:
    """
    Answers with a stream.
    """

    def __init__(self, responses):
        self._responses = responses

    @asynccontextmanager
    async def stream(self, method, sent, options):
        yield self._each()

    async def _each(self):
        for response in self._responses:
            yield response


@frozen
class Application:
    """
    Has one channel, and is its own runtime and clock.
    """

    to: Channel

    def channel(self, service):
        return self.to

    @property
    def runtime(self):
        return self

    @property
    def clock(self):
        return self

    def seconds(self):
        return 0.0


@pytest.mark.parametrize(
    ("responses", "shown", "cut"),
    [
        (["x"] * 99, 99, False),
        (["x"] * 101, 100, True),
        (["x" * 70_000] * 5, 3, True),
        (["x" * 300_000], 1, True),
    ],
)
def test_a_long_stream_is_cut(responses, shown, cut):
    """
    Whoever does not see the whole of a stream is told so: it may have many messages, or long ones.
    """
    invocation = of_json("demo.A", "follow", stream=True)
    made = call_method(Application(Channel(responses)), invocation, [], CallOptions(1.0), None)
    found = []
    spawn(made).addCallback(found.append)
    assert [("", shown, cut)] == [(one.error, len(one.responses), one.cut) for one in found]
