"""
A network in memory with registry servers on it, as far as a `Channel` shows one.
"""

from __future__ import annotations

from collections import deque

import msgspec

from rpcfw.spi.runtime.waiting import Waiter, sleep, spawn
from tests.plugins.registries.wires import LATENCY_S, WireChannel, Wires, WireStream

__all__ = ["Network"]


class MemoryChannel(WireChannel):
    def carried(self, message, type):
        return msgspec.json.decode(msgspec.json.encode(message), type=type)

    def answer(self, there, method, request, metadata):
        return getattr(there, method.name)(**msgspec.structs.asdict(request))

    def stream(self, method, request, options):
        if request is not None:
            self.wires.calls.append((method.name, request))
        return MemoryStream(self, method, request, options.timeout_s)


class Network(Wires):
    """
    Nodes by address. With a ``refusal`` every call fails so.
    """

    protocol = "native"
    channel_class = MemoryChannel

    def __init__(self, clock, timers):
        super().__init__(clock, timers)
        self.nodes = {}
        self.refusal = None

    def at(self, address):
        return self.nodes.get(address)

    def drop(self, address):
        """
        Have the node at an address gone, and every connection to it with it.
        """
        del self.nodes[address]
        self.lose(address)

    async def reach(self, channel, *asked):
        node = await super().reach(channel, *asked)
        if self.refusal is not None:
            raise self.refusal
        return node


class Requests:
    """
    The messages of a client that streams, as its server reads them.
    """

    def __init__(self):
        self._messages = deque()
        self._reader = None

    def put(self, message):
        """
        Have one more message there.
        """
        self._messages.append(message)
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.callback(None)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._messages:
            self._reader = Waiter()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._messages.popleft()


class MemoryStream(WireStream):
    """
    Reads ahead by a few messages, as a window would let it.
    """

    window = 4

    def __init__(self, channel, method, request, timeout_s):
        super().__init__(channel, timeout_s)
        self.method = method
        self._room = None
        self._requests = Requests()
        self._pumping = spawn(self._pump(request))
        self._pumping.addErrback(lambda failure: self.broken(failure.value))

    async def _pump(self, request):
        node = await self.wires.reach(self.channel)
        answer = getattr(node, self.method.name)
        if request is None:
            source = answer(self._requests)
        else:
            request = self.channel.carried(request, self.method.request_type)
            source = answer(**msgspec.structs.asdict(request))
        async for message in source:
            await sleep(self.wires.clock, LATENCY_S)
            self.arrive(self.channel.carried(message, self.method.response_type))
            if len(self._messages) >= self.window:
                self._room = Waiter()
                await self._room
        self.broken(StopAsyncIteration())

    async def send(self, message):
        self.wires.calls.append((self.method.name, message))
        self._requests.put(self.channel.carried(message, self.method.request_type))

    def end_asking(self):
        self._pumping.cancel()

    async def __anext__(self):
        message = await super().__anext__()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
        return message
