"""
Decodes requests that would block the reactor for more than about a millisecond.

These are of two kinds: what a codec written in Python decodes, as the JSON of a Protobuf
message; and what is compressed, since a few bytes may become megabytes. They are decoded in
a thread. There is only one, for two reasons. Threads share the interpreter lock, so a second
one would take more of the reactor's time. And with one, requests are decoded in their order.

Codecs written in C hold the interpreter lock while they decode, so a thread does not help.
For them the size of a message is the limit.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import Overloaded
from rpcfw.server.calls.thread_pool import BlockingThreads
from rpcfw.spi.codec import READ_AT_ONCE, Reader
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.transport.payload import Payload

__all__ = ["DecodeThread"]

#: A compressed body up to this size is decompressed in the reactor. It becomes one mebibyte at
#: most, since no format in use compresses by more than about a factor of a thousand.
_COMPRESSED_AT_ONCE_BYTES = 1 << 10
_MAX_WAITING = 1000
#: Of all bodies that wait. A peer sends faster than a thread reads.
_MAX_WAITING_BYTES = 64 << 20


class DecodeThread:
    """
    The thread, and the requests that wait for it.

    Args:
        payload: decodes messages.
        reactor: gets the results.
        meter: shows how many wait.
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
        Return the message in a body: at once if that is quick, else from the thread.

        Raises:
            Overloaded: too many wait already. The call was not begun.
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
