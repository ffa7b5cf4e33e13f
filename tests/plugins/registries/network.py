"""
A network in memory with registry nodes on it, as far as a `Channel` shows one.

Messages are written and read as JSON on their way, so what cannot be sent fails
here too.
"""

from __future__ import annotations

from collections import deque

import msgspec

from rpcfw.errors import Cancelled, ConnectionLost, DeadlineExceeded, Unavailable
from rpcfw.spi.channel import Channel
from rpcfw.spi.stream import Stream
from rpcfw.spi.waiting import Waiter, limited, sleep, spawn
from rpcfw.values.metadata import EMPTY

LATENCY_S = 0.001


def carried(message, type):
    """
    Return the message as it is at the other end.
    """
    return msgspec.json.decode(msgspec.json.encode(message), type=type)


class Network:
    """
    Nodes by address. What is not here is refused, what is ``frozen`` never answers.

    With a ``refusal`` every call fails so.
    """

    def __init__(self, clock, timers):
        self.clock = clock
        self.timers = timers
        self.nodes = {}
        self.frozen = set()
        self.cut_off = set()
        self.refusal = None
        self.opened = []
        self.calls = []
        self.streams = set()

    def channel_for(self, user):
        """
        Return an ``open_channel`` for one user, whom `cut` can part from all nodes.
        """

        def open_channel(address, protocol):
            assert "native" == protocol
            channel = MemoryChannel(self, address, user)
            self.opened.append(channel)
            return channel

        return open_channel

    def drop(self, address):
        """
        Have the node at an address gone, and every connection to it with it.
        """
        del self.nodes[address]
        self._break(lambda stream: stream.channel.address == address)

    def cut(self, user):
        """
        Have a user reach nobody any more.
        """
        self.cut_off.add(user)
        self._break(lambda stream: stream.channel.user == user)

    async def reach(self, channel):
        """
        Return the node that a channel leads to.
        """
        await sleep(self.clock, LATENCY_S)
        if channel.address in self.frozen:
            await Waiter()
        if channel.address not in self.nodes or channel.user in self.cut_off:
            raise Unavailable(f"{channel.address} refuses the connection")
        if self.refusal is not None:
            raise self.refusal
        return self.nodes[channel.address]

    def _break(self, concerned):
        for stream in tuple(self.streams):
            if concerned(stream):
                stream.broken(ConnectionLost("the connection was lost"))


class MemoryChannel(Channel):
    def __init__(self, network, address, user):
        self.network = network
        self.address = address
        self.user = user
        self.closed = False

    async def call(self, method, request, timeout_s=None, metadata=None):
        timers = self.network.timers
        self.network.calls.append((method.name, request))
        try:
            return await limited(self._call(method, request), timers, timers.seconds() + timeout_s)
        except DeadlineExceeded:
            raise DeadlineExceeded("the time was over") from None

    async def _call(self, method, request):
        node = await self.network.reach(self)
        request = carried(request, method.request_type)
        reply = getattr(node, method.name)(**msgspec.structs.asdict(request))
        reply = carried(reply, method.response_type)
        await sleep(self.network.clock, LATENCY_S)
        if node is not self.network.nodes.get(self.address):
            raise ConnectionLost("the connection was lost")
        return reply

    def stream(self, method, request=None, timeout_s=None, metadata=None):
        self.network.calls.append((method.name, request))
        return MemoryStream(self, method, request, timeout_s)

    async def close(self):
        self.closed = True
        for stream in tuple(self.network.streams):
            if stream.channel is self:
                stream.broken(Cancelled("the channel was closed"))


class MemoryStream(Stream):
    """
    Reads ahead by a few messages, as a window would let it.
    """

    window = 4

    def __init__(self, channel, method, request, timeout_s):
        self.channel = channel
        self.method = method
        self._ended = None
        self._messages = deque()
        self._reader = None
        self._room = None
        network = channel.network
        network.streams.add(self)
        self._timer = network.clock.callLater(
            timeout_s, self.broken, DeadlineExceeded("the time was over")
        )
        self._pumping = spawn(self._pump(request))
        self._pumping.addErrback(lambda failure: self.broken(failure.value))

    async def _pump(self, request):
        node = await self.channel.network.reach(self.channel)
        request = carried(request, self.method.request_type)
        source = getattr(node, self.method.name)(**msgspec.structs.asdict(request))
        async for message in source:
            await sleep(self.channel.network.clock, LATENCY_S)
            self._messages.append(carried(message, self.method.response_type))
            self._wake()
            if len(self._messages) >= self.window:
                self._room = Waiter()
                await self._room
        self.broken(StopAsyncIteration())

    def broken(self, error):
        if self._ended is None:
            self._ended = error
            self.channel.network.streams.discard(self)
            if self._timer.active():
                self._timer.cancel()
            self._pumping.cancel()
            self._wake()

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
        message = self._messages.popleft()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
        return message

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
