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
        self._post = post
        self._opening = _Opening(call, stack)
        #: It was read to its good end: nothing is left to cancel.
        self._ended = False

    def __aiter__(self) -> LazyStream:
        return self

    async def __anext__(self) -> Any:
        stream = self._here() or await self._opening.opened()
        try:
            return await stream.__anext__()
        except StopAsyncIteration:
            self._ended = True
            raise

    async def send(self, message: Any) -> None:
        stream = self._here() or await self._opening.opened()
        await stream.send(message)

    async def end(self) -> None:
        stream = self._here() or await self._opening.opened()
        await stream.end()

    async def metadata(self) -> Metadata:
        stream = self._here() or await self._opening.opened()
        pairs: Metadata = await stream.metadata()
        return pairs

    @property
    def trailers(self) -> Metadata:
        return self._call.trailers

    def cancel(self) -> None:
        self._opening.cancel()

    def __del__(self) -> None:
        if self._ended or not self._opening.can_be_dropped:
            return
        # A loop that is closed takes nothing more; its connections went with it.
        with suppress(RuntimeError):
            self._post(self._opening.drop)

    def _here(self) -> Any:
        """
        Return the stream if it is open.

        Raises:
            SetupError: it was opened elsewhere than where this is awaited.
        """
        affinity = self._affinity
        if affinity.current() != affinity.expected:
            raise affinity.misplaced(f"a stream of {self._call.method.path}")
        return self._opening.stream


class _Opening:
    """
    The way of a call through the stack, and the stream at its end.

    It does not refer to the `LazyStream`, and it is this object that goes on with who waits. For
    if that fails, the traceback of the error keeps what called it.

    Args: as for `LazyStream`.
    """

    __slots__ = ("_call", "_error", "_given_up", "_running", "_stack", "_waiting", "stream")

    def __init__(self, call: Call, stack: CallStep) -> None:
        self._call = call
        self._stack = stack
        #: None until it is open.
        self.stream: Any = None
        self._running: Deferred[Any] | None = None
        self._error: BaseException | None = None
        self._given_up = False
        self._waiting: list[Waiter[None]] = []

    async def opened(self) -> Any:
        """
        Return the stream. The first one that asks begins the call.
        """
        if self.stream is None and self._error is None:
            if self._running is None:
                self._running = spawn(self._stack(self._call))
                self._running.addCallbacks(self._opened, self._failed)
            await self._wait()
        if self._error is not None:
            raise self._error
        return self.stream

    @property
    def can_be_dropped(self) -> bool:
        """
        Whether a call was begun that has neither failed nor was given up.
        """
        return self._running is not None and self._error is None and not self._given_up

    def drop(self) -> None:
        """
        Give the call up as soon as it is open.
        """
        self._given_up = True
        if self.stream is not None:
            self.stream.cancel()

    def cancel(self) -> None:
        """
        Give the call up, also while it is opened.
        """
        self.drop()
        if self.stream is not None:
            return
        if self._running is not None:
            self._running.cancel()
        elif self._error is None:
            self._error = Cancelled("the call was given up before it began")

    async def _wait(self) -> None:
        if self.stream is None and self._error is None:
            waiter: Waiter[None] = Waiter()
            self._waiting.append(waiter)
            try:
                await waiter
            except CANCELLED:
                self.cancel()
                raise

    def _opened(self, stream: Any) -> None:
        self.stream = stream
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
