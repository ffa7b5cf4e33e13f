"""
Pretend wires: who reaches whom, and how calls and streams over them end.

What travels is packed and unpacked on its way, so what cannot be sent fails here too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from math import inf

from rpcfw.errors import Cancelled, ConnectionLost, DeadlineExceeded, Unavailable
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.waiting import Waiter, sleep, with_deadline
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import EMPTY

__all__ = ["LATENCY_S", "WireChannel", "WireStream", "Wires"]

LATENCY_S = 0.001


class Wires(ABC):
    """
    Lead to addresses. One that is ``frozen`` never answers, one that is not up refuses.
    """

    #: What is spoken on them, and the channels that speak it.
    protocol: str
    channel_class: type[WireChannel]

    def __init__(self, clock, timers):
        self.clock = clock
        self.timers = timers
        self.frozen = set()
        self.cut_off = set()
        self.opened = []
        #: (name of method, request) of every call.
        self.calls = []
        self.streams = set()
        #: (method, request) of what was asked of a frozen address, and not answered.
        self.held = []

    @abstractmethod
    def at(self, address):
        """
        Return who listens there, None for nobody.
        """

    def channel_for(self, user):
        """
        Return an ``open_channel`` for one user, whom `cut` can part from everybody.
        """

        def open_channel(address, protocol, tls=None, *, service="", max_silence_s=inf):
            assert self.protocol == protocol
            channel = self.channel_class(self, address, user)
            self.opened.append(channel)
            return channel

        return open_channel

    def cut(self, user):
        """
        Have a user reach nobody any more.
        """
        self.cut_off.add(user)
        self._break(lambda stream: stream.channel.user == user)

    def lose(self, address):
        """
        Have every connection to an address end.
        """
        self._break(lambda stream: stream.channel.address == address)

    async def reach(self, channel, *asked):
        """
        Return who is where a channel leads, once something has come there.
        """
        await sleep(self.clock, LATENCY_S)
        if channel.address in self.frozen:
            if asked:
                self.held.append(asked)
            await Waiter()
        there = self.at(channel.address)
        if there is None or channel.user in self.cut_off:
            raise Unavailable(f"{channel.address} refuses the connection")
        return there

    def _break(self, concerned):
        for stream in tuple(self.streams):
            if concerned(stream):
                stream.broken(ConnectionLost("the connection was lost"))


class WireChannel(Channel):
    def __init__(self, wires, address, user):
        self.wires = wires
        self.address = address
        self.user = user
        self.closed = False

    @abstractmethod
    def carried(self, message, type):
        """
        Return a message as it is at the other end.
        """

    @abstractmethod
    def answer(self, there, method, request, metadata):
        """
        Return what comes back from who is there, not yet carried.
        """

    async def call(self, method, request, options):
        timers = self.wires.timers
        request = self.carried(request, method.request_type)
        self.wires.calls.append((method.name, request))
        try:
            asked = self._call(method, request, options.metadata)
            return await with_deadline(asked, timers, timers.seconds() + options.timeout_s)
        except DeadlineExceeded:
            raise DeadlineExceeded("the time was over") from None

    async def _call(self, method, request, metadata):
        there = await self.wires.reach(self, method, request)
        reply = self.answer(there, method, request, metadata)
        await sleep(self.wires.clock, LATENCY_S)
        if there is not self.wires.at(self.address):
            raise ConnectionLost("the connection was lost")
        return self.carried(reply, method.response_type)

    async def close(self):
        self.closed = True
        for stream in tuple(self.wires.streams):
            if stream.channel is self:
                stream.broken(Cancelled("the channel was closed"))


class WireStream(Stream):
    """
    Reads what it is handed by `arrive`, until it is broken.
    """

    def __init__(self, channel, timeout_s):
        self.channel = channel
        self.wires = channel.wires
        self._ended = None
        self._messages = deque()
        self._reader = None
        self.wires.streams.add(self)
        self._timer = self.wires.clock.callLater(
            timeout_s, self.broken, DeadlineExceeded("the time was over")
        )

    def arrive(self, message):
        """
        Have a message there to be read.
        """
        self._messages.append(message)
        self._wake()

    def broken(self, error):
        """
        Have it end, with an error once all has been read.
        """
        if self._ended is None:
            self._ended = error
            self.wires.streams.discard(self)
            if self._timer.active():
                self._timer.cancel()
            self.end_asking()
            self._wake()

    def end_asking(self):
        """
        Have the other side learn that nobody reads any more.
        """
        raise NotImplementedError

    def _wake(self):
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.callback(None)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._messages:
            if self._ended is not None:
                raise self._ended
            self._reader = Waiter()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._messages.popleft()

    async def send(self, message):
        raise NotImplementedError

    async def end(self):
        raise NotImplementedError

    def cancel(self):
        self.broken(Cancelled("given up"))

    async def metadata(self):
        return EMPTY

    @property
    def trailers(self):
        return EMPTY
