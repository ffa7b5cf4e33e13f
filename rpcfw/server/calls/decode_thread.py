"""
Reads requests whose reading would hold the reactor for more than about a millisecond.

Two kinds do: what a codec in Python reads, as the JSON of a Protobuf message, and what
is compressed, since a few bytes may be megabytes. They are read in a thread. It is one
thread, for two reasons. Python code shares the interpreter lock, so that a second one
would only take a further share of the reactor's time; and what comes first is read first.

Codecs in C keep the interpreter lock while they read. A thread would not help there, so
what they read is bounded by its size alone.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import Overloaded
from rpcfw.server.calls.thread_pool import BlockingThreads
from rpcfw.spi.codec import READ_AT_ONCE, Reader
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.transport.payload import Payload

__all__ = ["Reading"]

#: A compressed body up to this is unpacked in the reactor: it can be a mebibyte at most,
#: since no format that is spoken here packs a thousand times better than that.
_COMPRESSED_AT_ONCE_BYTES = 1 << 10
_MAX_WAITING = 1000
#: Of all bodies that wait. A peer sends faster than a thread reads.
_MAX_WAITING_BYTES = 64 << 20


class Reading:
    """
    The thread, and those that wait for it.

    Args:
        payload: how messages are read.
        reactor: where what was read comes back.
        meter: where the load is shown.
    """

    def __init__(self, payload: Payload, reactor: Any, meter: Meter) -> None:
        self.payload = payload
        self._waiting_bytes = 0
        self.threads = BlockingThreads(
            reactor,
            1,
            _MAX_WAITING,
            meter.gauge("rpcfw_server_large_reads", "requests that a thread reads").of(),
            f"{_MAX_WAITING} large or compressed requests wait to be read",
        )

    async def read(self, reader: Reader, body: bytes, encoding: str, what: str) -> Any:
        """
        Return the message in a body that is large for its codec, or compressed.

        Raises:
            Overloaded: too many wait already. Nothing was begun.
            CallError: the body holds no message.
        """
        if (
            len(body) <= _COMPRESSED_AT_ONCE_BYTES
            and len(body) <= reader.at_once_bytes
            and (not encoding or reader.at_once_bytes == READ_AT_ONCE)
        ):
            return self.payload.read(reader, body, encoding, what)
        size = len(body)
        # One alone is read whatever its size.
        if self._waiting_bytes and self._waiting_bytes + size > _MAX_WAITING_BYTES:
            raise Overloaded(f"{_MAX_WAITING_BYTES} bytes of large or compressed requests wait")
        result = self.threads.run(self.payload.read, (reader, body, encoding, what))
        self._waiting_bytes += size
        try:
            return await result
        finally:
            self._waiting_bytes -= size
