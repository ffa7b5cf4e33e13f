"""
Filters that a user might write, well and badly.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.filter import Filter
from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.metadata import Metadata
from rpcfw.values.units import Seconds


class Seen(Filter):
    """
    Notes what it sees; a class of its own for each test, since it is made by name.
    """

    notes: list = []  # noqa: RUF012 - shared, so that the test sees it

    async def start(self):
        self.notes.append("start")

    async def stop(self):
        self.notes.append("stop")

    async def apply(self, call, proceed):
        self.notes.append(call.method.name)
        call.on_end(lambda status: self.notes.append(f"early {status.name}"))
        response = await proceed(call)
        call.on_end(lambda status: self.notes.append(status.name))
        return response


class FailsAtTheEnd(Filter):
    """
    Has a bug in what it does at the end of a stream.
    """

    async def apply(self, call, proceed):
        response = await proceed(call)
        call.on_end(lambda status: 1 / 0)
        return response


class FailsAfter(Filter):
    """
    Fails when the rest of the stack has already answered.
    """

    async def apply(self, call, proceed):
        await proceed(call)
        raise KeyError("a bug in a filter")


class Guard(Filter):
    """
    Refuses what has no ticket.
    """

    async def apply(self, call, proceed):
        if "Ticket" not in call.metadata:
            raise Rejected("no ticket")
        return await proceed(call)


class Sheds(Filter):
    """
    Refuses everything, as a server does that is overloaded.
    """

    refused: list = []  # noqa: RUF012 - shared, so that the test sees it

    async def apply(self, call, proceed):
        self.refused.append(self.plugin_context.clock.seconds())
        raise Overloaded("too much to do")


class FailsAtOnce(Filter):
    """
    Fails for some before there is a coroutine: its ``apply`` was not written as one.
    """

    def apply(self, call, proceed):
        if call.metadata.get("bad"):
            raise KeyError("a bug in a filter")
        return proceed(call)


@options
class StampOptions:
    """
    What the INI may say.
    """

    text: str = option("old", "what calls are stamped with")
    starts: int = option("1000", "how many instances with this text can be started")
    start_time: Seconds = option("0s", "how long a start takes")

    def problems(self):
        """
        Find a stamp that nobody would see.
        """
        if not self.text:
            yield "text", "must not be empty"


class Stamp(Filter):
    """
    Stamps the calls that come to it, and those that leave it; counts all its calls.

    What happens to each instance is noted, also of the one before it.
    """

    Options = StampOptions
    #: Of all instances, for the test to see: (text, what happened).
    notes: ClassVar[list] = []

    def __init__(self, options, context):
        super().__init__(options, context)
        self.calls = 0

    def _note(self, what):
        self.notes.append((self.options.text, what))

    async def start(self):
        if self.options.start_time:
            await sleep(self.plugin_context.clock, self.options.start_time)
        if self.notes.count((self.options.text, "start")) >= self.options.starts:
            raise RuntimeError("it does not start")
        self._note("start")

    async def stop(self):
        self._note("stop")

    def take_over(self, before):
        self.calls = before.calls
        self._note(f"after {before.options.text}")

    def bind(self, proceed):
        self._note("bind")
        return super().bind(proceed)

    async def apply(self, call, proceed):
        self.calls += 1
        pairs = (("stamp", self.options.text), ("count", str(self.calls)))
        others = (pair for pair in call.metadata.pairs if pair[0] not in ("stamp", "count"))
        call.metadata = Metadata((*others, *pairs))
        response = await proceed(call)
        self._note("end")
        return response


class PerNode(Stamp):
    """
    Keeps its count for each node, as a breaker keeps its failures.
    """

    def of_node(self, node):
        self._note(f"node {node.instance.address.host}")
        return PerNode(self.options, self.plugin_context)


@options
class SecretiveOptions:
    token: str = option("", "nobody is to read it", secret=True)


class Secretive(Filter):
    """
    Has a secret.
    """

    Options = SecretiveOptions

    async def apply(self, call, proceed):
        return await proceed(call)
