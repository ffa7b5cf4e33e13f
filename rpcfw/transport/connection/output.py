"""
What a connection writes, and what happens if its socket does not accept it.

While events are acted on, the machine's output is collected and written at the end, at once
(`direct_write`). At other times it goes to Twisted, which collects it until the socket is
writable.

A socket is *full* from the moment that Twisted pauses this side until it resumes it. What is
written meanwhile stays in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.byte_counts import NOT_COUNTED
from rpcfw.transport.connection.direct_write import direct_write

__all__ = ["LARGE_BYTES", "Output"]

Write = Callable[[bytes], None]

#: Larger messages are written one by one, to notice when the socket is full.
LARGE_BYTES = 16 << 10


class Output:
    """
    The sending half of one connection.

    Args:
        machine: has the output.
    """

    __slots__ = (
        "_machine",
        "_writers",
        "closed",
        "full",
        "gathering",
        "offer",
        "on_emit",
        "on_large_write",
        "queued_bytes",
        "sent",
        "watched",
        "write",
    )

    def __init__(self, machine: Machine) -> None:
        #: Events are being acted on: output is written at the end of that.
        self.gathering = False
        #: The socket accepts no more for now.
        self.full = False
        #: Nothing more is written.
        self.closed = False
        #: Writes to the socket at once, or through Twisted. Set by `attach`.
        self.offer: Write = _nowhere
        self.write: Write = _nowhere
        #: Called with the size of each large write within a turn.
        self.on_large_write: Callable[[int], None] = _ignore
        #: Called after each write, if set, as long as the connection holds something.
        self.on_emit: Callable[[], None] | None = None
        #: The connection holds something, even if the machine has no unsent bytes.
        self.watched = False
        #: Counts what is written.
        self.sent = NOT_COUNTED.sent
        #: Bytes that were written since the socket became full.
        self.queued_bytes = 0
        self._machine = machine
        self._writers: deque[Waiter[None]] = deque()

    def attach(self, transport: Any) -> None:
        """
        Set the transport to write to.
        """
        self.write = transport.write
        self.offer = direct_write(transport)

    def flush(self, size: int = 0) -> None:
        """
        Write the machine's output, now or when all events were acted on.

        Args:
            size: of the message that was sent, if it may be large.
        """
        if not self.gathering:
            self.emit(self.write)
        elif size > LARGE_BYTES:
            self.on_large_write(self.emit(self.offer))

    def emit(self, write: Write) -> int:
        """
        Write the machine's output; return how many bytes that were.

        Args:
            write: `write` or `offer`.
        """
        size, machine = 0, self._machine
        data = machine.take_output()
        if data and not self.closed:
            size = len(data)
            self.sent.value += size
            write(data)
            if self.full:
                self.queued_bytes += size
                self.watched = True
        if (self.watched or machine.unsent_bytes) and self.on_emit is not None:
            self.on_emit()
        return size

    # The socket's state.

    def drained(self) -> None:
        """
        The socket has accepted everything that was written, and accepts more.
        """
        self.full = False
        self.queued_bytes = 0

    def forget(self) -> None:
        """
        The socket is closed, and nothing of this connection is kept any more.
        """
        self.queued_bytes = 0
        # The callbacks refer to the connection: a reference cycle.
        self.on_emit, self.on_large_write = None, _ignore
        self.offer = self.write = _nowhere

    # Writers that wait.

    async def when_writable(self) -> None:
        """
        Return once the socket accepts more: the backpressure of a stream's reader.

        Writers resume one after the other, until the socket is full again.
        """
        while self.full and not self.closed:
            waiter: Waiter[None] = Waiter()
            self._writers.append(waiter)
            await waiter

    def resume_writers(self) -> None:
        """
        Resume the writers that wait, while the socket accepts more.
        """
        writers = self._writers
        while writers and (self.closed or not self.full):
            waiter = writers.popleft()
            if not waiter.called:  # otherwise it was cancelled
                waiter.callback(None)


def _nowhere(data: bytes) -> None:
    raise RuntimeError(f"{len(data)} bytes were written before there was a connection")


def _ignore(size: int) -> None:
    """
    Nobody wants to know.
    """
