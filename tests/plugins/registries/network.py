"""
A network in memory with registry servers on it, as far as a `Channel` shows one.
"""

from __future__ import annotations

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


class MemoryStream(WireStream):
    """
    Reads ahead by a few messages, as a window would let it.
    """

    window = 4

    def __init__(self, channel, method, request, timeout_s):
        super().__init__(channel, timeout_s)
        self.method = method
        self._room = None
        self._pumping = spawn(self._pump(request))
        self._pumping.addErrback(lambda failure: self.broken(failure.value))

    async def _pump(self, request):
        node = await self.wires.reach(self.channel)
        request = self.channel.carried(request, self.method.request_type)
        source = getattr(node, self.method.name)(**msgspec.structs.asdict(request))
        async for message in source:
            await sleep(self.wires.clock, LATENCY_S)
            self.arrive(self.channel.carried(message, self.method.response_type))
            if len(self._messages) >= self.window:
                self._room = Waiter()
                await self._room
        self.broken(StopAsyncIteration())

    def end_asking(self):
        self._pumping.cancel()

    async def __anext__(self):
        message = await super().__anext__()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
        return message
