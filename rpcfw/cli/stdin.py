"""
Lines of standard input, for coroutines: read one at a time, when one is wanted.

A thread reads, since a file cannot be waited for by every reactor. It reads straight
from the descriptor: a thread that hung in Python's own buffer at the end of the
process would hold its lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from rpcfw.errors import SettingsError
from rpcfw.spi.runtime.waiting import Waiter

__all__ = ["Lines"]

_CHUNK_BYTES = 1 << 16


class Lines(AsyncIterator[bytes]):
    """
    The lines of a descriptor, without their ends; empty ones are left out.

    Args:
        reactor: where they are handed over.
        descriptor: what is read.
        max_bytes: a longer line is refused.
    """

    def __init__(self, reactor: Any, descriptor: int, max_bytes: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._pending = b""
        self._wanted = threading.Semaphore(0)
        self._asked = False
        self._came: deque[bytes | SettingsError] = deque()
        self._waiter: Waiter[None] | None = None
        threading.Thread(target=self._read, name="rpcfw lines", daemon=True).start()

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> bytes:
        if not self._came:
            if not self._asked:
                self._asked = True
                self._wanted.release()
            waiter = self._waiter = Waiter()
            await waiter
        line = self._came[0]
        if isinstance(line, SettingsError):
            raise line
        if not line:
            raise StopAsyncIteration
        self._came.popleft()
        return line

    def _read(self) -> None:
        while True:
            self._wanted.acquire()
            line: bytes | SettingsError
            try:
                line = self._next()
            except OSError as error:
                line = SettingsError(f"standard input cannot be read: {error.strerror}")
            except SettingsError as error:
                line = error
            self._reactor.callFromThread(self._hand_over, line)
            if not line or isinstance(line, SettingsError):
                return

    def _next(self) -> bytes:
        """
        Return the next line that is not empty, or nothing at the end.
        """
        while True:
            line, end, rest = self._pending.partition(b"\n")
            if end:
                self._pending = rest
                if line.strip():
                    return line.strip()
                continue
            if len(line) > self._max_bytes:
                raise SettingsError(
                    f"a line of standard input is longer than {self._max_bytes} bytes"
                )
            chunk = os.read(self._descriptor, _CHUNK_BYTES)
            if not chunk:
                self._pending = b""
                return line.strip()
            self._pending += chunk

    def _hand_over(self, line: bytes | SettingsError) -> None:
        # Kept for the next who wants one, if this one has given up.
        self._asked = False
        self._came.append(line)
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)
