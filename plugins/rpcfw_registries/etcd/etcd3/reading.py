"""
Reading the responses of one call of the package etcd3, in a thread.

Theory of operation. gRPC gives a stream of responses as an iterator that blocks. A
thread waits in it, and posts each response, and the end, to the reactor's thread, where
one reader takes them. The thread is at most a few responses ahead of the reader, so a
slow reader slows the member down. The thread ends with the call: when the member ends
it, at the deadline, or when the call is cancelled or its channel is closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Semaphore, Thread
from typing import Any

from rpcfw.errors import Cancelled, Unavailable
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw_registries.etcd.etcd3.errors import translated

__all__ = ["Reading"]

#: The most responses that are received and not yet taken.
_MAX_BUFFERED = 8


class Reading:
    """
    Fits `rpcfw_registries.etcd.member.Changes`.

    Args:
        begin: begins the call, when the first response is asked for. May raise `CallError`.
        converted: is called in the thread for each response.
        post: runs something in the reactor's thread.
    """

    def __init__(
        self,
        begin: Callable[[], Any],
        converted: Callable[[Any], Any],
        post: Callable[..., None],
    ) -> None:
        self._begin = begin
        self._converted = converted
        self._post = post
        self._responses: Any = None
        self._free_slots = Semaphore(_MAX_BUFFERED)
        self._given_up = False
        self._arrived: deque[Any] = deque()
        self._over: BaseException | None = None
        self._reader: Waiter[None] | None = None

    async def __anext__(self) -> Any:
        if self._responses is None and self._over is None:
            self._start()
        while not self._arrived:
            if self._over is not None:
                raise self._over
            self._reader = Waiter()
            try:
                await self._reader
            finally:
                self._reader = None
        self._free_slots.release()
        return self._arrived.popleft()

    def cancel(self) -> None:
        """
        Give the call up.
        """
        if self._given_up:
            return
        self._given_up = True
        if self._responses is not None:
            self._responses.cancel()
            self._free_slots.release()
        self._end(Cancelled("the call was given up"))

    def _start(self) -> None:
        self._responses = self._begin()
        try:
            # A daemon: a process that has ended waits for no member.
            Thread(target=self._run, name="rpcfw etcd3", daemon=True).start()
        except RuntimeError as error:
            self._responses.cancel()
            raise Unavailable(f"there is no thread for a watch: {error}") from None

    # In the thread.

    def _run(self) -> None:
        over: BaseException
        try:
            while True:
                self._free_slots.acquire()
                if self._given_up:
                    return
                self._post(self._came, self._converted(next(self._responses)))
        except StopIteration:
            over = StopAsyncIteration()
        except Exception as error:  # noqa: BLE001 - `translated` knows gRPC's own classes
            over = translated(error)
        self._post(self._end, over)

    # In the reactor's.

    def _came(self, response: Any) -> None:
        if self._over is None:
            self._arrived.append(response)
            self._wake()

    def _end(self, over: BaseException) -> None:
        if self._over is None:
            self._over = over
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.called:
            self._reader.callback(None)
