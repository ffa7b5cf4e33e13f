"""
Channels: the public entry of a client.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from math import inf
from typing import Any

from rpcfw.client.held_step import HeldStep
from rpcfw.client.lazy_stream import LazyStream
from rpcfw.spi.call_details import active_captures, current_capture
from rpcfw.spi.channel import Channel
from rpcfw.spi.filter import CallStep
from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.affinity import Affinity
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import run_detached
from rpcfw.spi.stream import Stream
from rpcfw.values.call import Call
from rpcfw.values.call_options import NO_CALL_OPTIONS, CallOptions
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.method import Method
from rpcfw.values.service_config import ServiceConfig
from rpcfw.values.units import TimeLimit

__all__ = ["ClientChannel", "TimeLimits"]


#: Some thirty years; above it, unless infinite, or not a number, nothing was meant.
_MAX_S = 1e9


@options
class TimeLimits:
    """
    The limits of calls that name none themselves.
    """

    timeout: TimeLimit = option("3s", "time limit of a whole call, with all its attempts")
    stream_timeout: TimeLimit = option(
        "1h", "the same for calls that stream in one direction or both"
    )
    compression: str = option(
        "", "compression method for all requests, small ones too; empty: see [compression]"
    )


class ClientChannel(Channel):
    """
    Makes calls through one call stack.

    Args:
        stack: the call stack.
        limits: see `TimeLimits`.
        timers: the clock that deadlines are on.
        close: closes what is below the stack.
        post: runs a function in the reactor's thread, soon; see `Threads.post`.
        affinity: where its coroutines may be awaited.
        config: may set shorter limits, by method.
        ready_stack: the call stack for calls that wait for a server that is ready.
    """

    def __init__(
        self,
        stack: CallStep,
        limits: TimeLimits,
        timers: Timers,
        close: Callable[[], Coroutine[Any, Any, None]],
        post: Callable[..., Any],
        affinity: Affinity,
        config: ServiceConfig | None = None,
        ready_stack: CallStep | None = None,
    ) -> None:
        self._stack: CallStep = stack
        self._ready_stack: CallStep = ready_stack or stack
        #: The two stacks, also while calls are held before they take one.
        self._stacks = stack, ready_stack or stack
        self._held: Event | None = None
        self._timers = timers
        self._affinity = affinity
        self._timeout_s = limits.timeout
        self._stream_timeout_s = limits.stream_timeout
        self._compression = limits.compression or None
        self._seconds = timers.seconds
        self._close = close
        self._post = post
        self._config = config
        #: Something may be configured for calls that have no options.
        self._asks = config is not None or self._compression is not None

    def use(self, stack: CallStep, ready_stack: CallStep) -> None:
        """
        Take other stacks for the calls that begin from now on.
        """
        self._stacks = stack, ready_stack
        if self._held is None:
            self._stack, self._ready_stack = self._stacks

    def hold(self) -> None:
        """
        Have the calls that begin from now on wait for `release` before they take a stack.
        """
        if self._held is None:
            held = self._held = Event()
            self._stack, self._ready_stack = self._holding(held, 0), self._holding(held, 1)

    def release(self) -> None:
        """
        Let the calls that wait, and those to come, take the stacks of that time.
        """
        held, self._held = self._held, None
        if held is not None:
            self._stack, self._ready_stack = self._stacks
            held.set()

    def limit(self, limits: TimeLimits) -> None:
        """
        Take other limits for the calls that begin from now on.
        """
        self._timeout_s = limits.timeout
        self._stream_timeout_s = limits.stream_timeout

    def call(
        self,
        method: Method,
        request: Any,
        options: CallOptions = NO_CALL_OPTIONS,
    ) -> Coroutine[Any, Any, Any]:
        timeout_s, stack = method.timeout_s, self._stack
        if options is NO_CALL_OPTIONS and timeout_s is None and method.unary and not self._asks:
            # As in `begin`: a function less is 50 ns of a call's 7 us.
            call = Call(method, request, EMPTY, self._seconds() + self._timeout_s)
        else:
            call = self.begin(method, request, options)
            if options.wait_for_ready:
                stack = self._ready_stack
        details = current_capture() if active_captures else None
        running = stack(call) if details is None else details.follow(call, stack)
        # What Python names if nobody awaits it; a stack's own functions say nothing to a caller.
        # It costs 20 ns of a call's 18 us.
        running.__qualname__ = method.path  # type: ignore[attr-defined]  # a coroutine has one
        return running

    def stream(
        self,
        method: Method,
        request: Any = None,
        options: CallOptions = NO_CALL_OPTIONS,
    ) -> Stream:
        call = self.begin(method, request, options)
        stack = self._ready_stack if options.wait_for_ready else self._stack
        if self._held is not None:
            stack = self._holding(self._held, int(options.wait_for_ready))
        return LazyStream(call, stack, self._post, self._affinity)

    def begin(self, method: Method, request: Any, options: CallOptions) -> Call:
        """
        Return a call that is to pass the stack.
        """
        if options is not NO_CALL_OPTIONS or self._asks:
            return self._begin_with(method, request, options)
        timeout_s = method.timeout_s
        if timeout_s is None:
            timeout_s = self._timeout_s if method.unary else self._stream_timeout_s
        return Call(method, request, EMPTY, self._seconds() + timeout_s)

    def _begin_with(self, method: Method, request: Any, options: CallOptions) -> Call:
        timeout_s, metadata, compression, _ = options
        if self._config is not None:
            timeout_s = self._configured(method, timeout_s)
        if timeout_s is not None:
            try:
                in_range = timeout_s <= _MAX_S or timeout_s == inf
            except TypeError:
                raise TypeError(
                    "a timeout is a number of seconds, or text with a unit, as '500ms'; "
                    f"got {type(timeout_s).__name__}"
                ) from None
            if not in_range:
                raise ValueError(
                    f"a timeout of {timeout_s} s: at most {_MAX_S:g} s, or math.inf for no limit"
                )
        else:
            timeout_s = method.timeout_s
            if timeout_s is None:
                timeout_s = self._timeout_s if method.unary else self._stream_timeout_s
        pairs = EMPTY if metadata is None else Metadata.of(metadata)
        call = Call(method, request, pairs, self._seconds() + timeout_s)
        if compression is None:
            compression = self._compression
        if compression is not None:
            call.compression = compression
        return call

    async def close(self) -> None:
        self._affinity.check("the close of a channel")
        await run_detached(self._close())

    def _holding(self, released: Event, which: int) -> HeldStep:
        return HeldStep(released, lambda: self._stacks[which], self._timers, self._affinity)

    def _configured(self, method: Method, timeout_s: float | None) -> float | None:
        """
        Return the shorter of the caller's limit and the service config's.
        """
        config = self._config
        limit_s = None if config is None else config.of(method.service, method.name).timeout_s
        if timeout_s is None or limit_s is None:
            return timeout_s if limit_s is None else limit_s
        return min(timeout_s, limit_s)
