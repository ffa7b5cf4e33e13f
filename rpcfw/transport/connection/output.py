"""
What a connection writes, and what is known of a socket that does not take it.

What is said to the machine while events are acted on is gathered, and written at the end
of that. Bytes of a turn go to the socket at once (`direct_write`); bytes that are said at
other times go to Twisted, which gathers them until the socket is next writable.

A socket is *full* from the moment that Twisted pauses this side until it resumes it. What is
written meanwhile stays in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.direct_write import direct_write

__all__ = ["LARGE_BYTES", "Output"]

Write = Callable[[bytes], None]

#: Answers above this are written one by one, so that it is seen when the socket is full.
LARGE_BYTES = 16 << 10


class Output:
    """
    The sending half of one connection.

    Args:
        machine: says what is to be written.
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
        "write",
    )

    def __init__(self, machine: Machine) -> None:
        #: Events are acted on: what is said meanwhile is written at the end of that.
        self.gathering = False
        #: The socket takes no more for now.
        self.full = False
        #: Nothing more is written.
        self.closed = False
        #: Writes at once, or through Twisted. Both are known once there is a transport.
        self.offer: Write = _nowhere
        self.write: Write = _nowhere
        #: Told of the size of each large write within a turn.
        self.on_large_write: Callable[[int], None] = _ignore
        #: Called after each write, if set: the connection may hold more, or less.
        self.on_emit: Callable[[], None] | None = None
        #: What was written since the socket became full.
        self.queued_bytes = 0
        self._machine = machine
        self._writers: deque[Waiter[None]] = deque()

    def attach(self, transport: Any) -> None:
        """
        Write to this from now on.
        """
        self.write = transport.write
        self.offer = direct_write(transport)

    def flush(self, size: int = 0) -> None:
        """
        Write what the machine has to say, now or at the end of this turn's reading.

        Args:
            size: of the message that it was asked to send, if that may be large.
        """
        if not self.gathering:
            self.emit(self.write)
        elif size > LARGE_BYTES:
            self.on_large_write(self.emit(self.offer))

    def emit(self, write: Write) -> int:
        """
        Write what the machine has to say; return how many bytes that were.

        Args:
            write: `write` or `offer`.
        """
        size = 0
        data = self._machine.take_output()
        if data and not self.closed:
            size = len(data)
            write(data)
            if self.full:
                self.queued_bytes += size
        if self.on_emit is not None:
            self.on_emit()
        return size

    # The socket's state.

    def drained(self) -> None:
        """
        The socket has taken all that was written to it, and takes more.
        """
        self.full = False
        self.queued_bytes = 0

    def forget(self) -> None:
        """
        The socket is gone, with all that was written to it.
        """
        self.queued_bytes = 0
        # What it tells refers to it: a reference cycle.
        self.on_emit, self.on_large_write = None, _ignore
        self.offer = self.write = _nowhere

    # Writers that wait.

    async def when_writable(self) -> None:
        """
        Return once the socket takes more: what slows a stream down to its reader.

        Writers go on one after the other, until the socket is full again.
        """
        while self.full and not self.closed:
            waiter: Waiter[None] = Waiter()
            self._writers.append(waiter)
            await waiter

    def resume_writers(self) -> None:
        """
        Let those that wait go on, for as long as the socket takes more.
        """
        writers = self._writers
        while writers and (self.closed or not self.full):
            waiter = writers.popleft()
            if not waiter.called:  # else it was given up
                waiter.callback(None)


def _nowhere(data: bytes) -> None:
    raise RuntimeError(f"{len(data)} bytes were written before there was a connection")


def _ignore(size: int) -> None:
    """
    Nobody wants to know.
    """
