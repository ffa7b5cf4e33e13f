"""
Filters that a user might write, well and badly.
"""

from __future__ import annotations

from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.filter import Filter


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
