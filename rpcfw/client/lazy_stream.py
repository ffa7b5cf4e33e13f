"""
What a caller holds of a stream: opened by its first use, ended at the latest when dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred

from rpcfw.errors import Cancelled
from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.affinity import Affinity
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, spawn
from rpcfw.spi.stream import Stream
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata

__all__ = ["LazyStream"]


class LazyStream(Stream):
    """
    Takes its call through the stack once it is used.

    The stack may be waited for by a reader and a writer at once, so it runs on its
    own and both wait for the one result.

    Nothing below refers to this object: the connection knows the `CallStream` within.
    So it is freed once its caller has dropped it, and the call is given up then, as if
    by `cancel`. Memory is freed in any thread, so the cancel is posted to the reactor's.

    Args:
        call: it.
        stack: the call stack.
        post: runs a function in the reactor's thread, soon; see `Threads.post`.
        affinity: where it may be awaited.
    """

    def __init__(
        self, call: Call, stack: CallStep, post: Callable[..., Any], affinity: Affinity
    ) -> None:
        self._call = call
        self._affinity = affinity
        self._stack = stack
        self._post = post
        self._stream: Any = None
        self._opening: Deferred[Any] | None = None
        self._error: BaseException | None = None
        self._given_up = False
        #: It was read to its good end: nothing is left to cancel.
        self._ended = False
        self._waiting: list[Waiter[None]] = []

    def __aiter__(self) -> LazyStream:
        return self

    async def __anext__(self) -> Any:
        stream = self._here() or await self._open()
        try:
            return await stream.__anext__()
        except StopAsyncIteration:
            self._ended = True
            raise

    async def send(self, message: Any) -> None:
        stream = self._here() or await self._open()
        await stream.send(message)

    async def end(self) -> None:
        stream = self._here() or await self._open()
        await stream.end()

    async def metadata(self) -> Metadata:
        stream = self._here() or await self._open()
        pairs: Metadata = await stream.metadata()
        return pairs

    @property
    def trailers(self) -> Metadata:
        return self._call.trailers

    def cancel(self) -> None:
        self._given_up = True
        if self._stream is not None:
            self._stream.cancel()
        elif self._opening is not None:
            self._opening.cancel()
        elif self._error is None:
            self._error = Cancelled("the call was given up before it began")

    def __del__(self) -> None:
        stream = self._stream
        if stream is None or self._given_up or self._ended:
            return
        # A loop that is closed takes nothing more; its connections went with it.
        with suppress(RuntimeError):
            self._post(stream.cancel)

    def _here(self) -> Any:
        """
        Return the stream if it is open.

        Raises:
            SetupError: it was opened elsewhere than where this is awaited.
        """
        affinity = self._affinity
        if affinity.current() != affinity.expected:
            raise affinity.misplaced(f"a stream of {self._call.method.path}")
        return self._stream

    async def _open(self) -> Any:
        if self._stream is None and self._error is None:
            if self._opening is None:
                self._opening = spawn(self._stack(self._call))
                self._opening.addCallbacks(self._opened, self._failed)
            await self._wait()
        if self._error is not None:
            raise self._error
        return self._stream

    async def _wait(self) -> None:
        if self._stream is None and self._error is None:
            waiter: Waiter[None] = Waiter()
            self._waiting.append(waiter)
            try:
                await waiter
            except CANCELLED:
                self.cancel()
                raise

    def _opened(self, stream: Any) -> None:
        self._stream = stream
        if self._given_up:
            stream.cancel()
        self._tell()

    def _failed(self, failure: Any) -> None:
        error = failure.value
        self._error = Cancelled("the call was given up") if isinstance(error, CANCELLED) else error
        if self._call.stream is not None:
            # A step above the one that opened it has failed: nobody will read it.
            self._call.stream.cancel()
        self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(None)
