"""
Limiters: refuse calls before they cost anything.

Theory of operation. A limiter is a filter: at ADMISSION of a server, before the body of a
request is decoded, and at GUARD of a client, above the attempts. It keeps a `Limit` for each
key. The option ``per`` says what a key is made of.

Callers choose some of these parts, so the number of keys is limited. When it is reached, a
limit that is idle, which means that a new one would be no different, makes place for the new
key. If none of the oldest is idle, the new key shares one limit with all others that have
none of their own. So who invents keys gets no more memory, and no used-up limit back. It may
get as many limits as there may be keys; against that helps a limit that is not per caller.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from typing import Any, ClassVar, Literal

from twisted.logger import Logger

from rpcfw.errors import CallError, Overloaded
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext, title_of
from rpcfw.spi.runtime.bounded import make_place
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.peer_host import host_of, network_of
from rpcfw.values.units import Seconds

__all__ = ["Limit", "Limiter", "LimiterOptions"]

#: A caller names itself. So much of its name tells it apart.
_MAX_NAME = 100


@options
class LimiterOptions:
    """
    The options that all limiters have.
    """

    per: tuple[Literal["service", "method", "caller", "address"], ...] = option(
        "service", "what has a limit of its own; empty: one limit for all calls"
    )
    max_keys: int = option(
        "1000", "maximum number of limits; further callers and addresses share one"
    )
    retry_after: Seconds = option(
        "100ms", "least time that a refused caller has to wait (pushback), made longer at random"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no limiter could be made of.
        """
        if self.max_keys < 1:
            yield "max_keys", f"must be at least 1, not {self.max_keys}"


class Limit(ABC):
    """
    The limit of one key.

    Args:
        options: of its limiter.
    """

    def __init__(self, options: Any) -> None:
        self.options = options

    def use(self, options: Any) -> None:
        """
        Go on with other options.
        """
        self.options = options

    @abstractmethod
    def enter(self) -> float | None:
        """
        Begin a call.

        Returns:
            None, or if it is refused, how long to wait before the next try: in seconds, 0 if
            that is not known.
        """

    def left(self, began_at: float, status: Status) -> None:  # noqa: B027 - some need not know
        """
        Learn that a call which began has ended.
        """

    def __str__(self) -> str:
        return "it does not say how much is left"

    @property
    @abstractmethod
    def idle(self) -> bool:
        """
        Whether a new limit would be no different.
        """


class Limiter(Filter):
    """
    A way to limit calls. A subclass says how, by its `limit`.
    """

    Options: ClassVar[type] = LimiterOptions
    log = Logger()
    waits = False

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self.seconds = plugin_context.clock.seconds
        #: The oldest first.
        self._limits: dict[Hashable, Limit] = {}
        self._shared = self.limit()
        #: Whose limits this one goes on with; None since its first call.
        self._before: Limiter | None = None
        self._key = _key_maker(options.per or ())
        # On a wire that has the head in the body, only the address is known before decoding.
        self.needs_head = not set(options.per or ()) <= {"address"}  # type: ignore[misc]  # each has its own
        self._log = LimitedLog(self.log, self.seconds, burst=1)
        self._refused = plugin_context.meter.counter(
            "rpcfw_limiter_refused_total", "calls that a limiter refused", "service", "method"
        )

    @property
    def keys(self) -> int:
        """
        How many keys have a limit of their own.
        """
        return len(self._limits)

    @abstractmethod
    def limit(self) -> Limit:
        """
        Return a new limit, for one key.
        """

    def take_over(self, before: Limiter) -> None:
        """
        Share the limits of ``before``: calls in flight still count.

        They get the new options at the first call, since ``before`` may stay in use till then.
        """
        if (before.options.per or ()) == (self.options.per or ()):
            self._before = before._before or before

    def explain(self, call: Call) -> str:
        key = self._key(call)
        limit = self._limits.get(key)
        if limit is None and self._before is not None:
            return self._before.explain(call)
        if limit is None:
            is_full = len(self._limits) >= self.options.max_keys
            limit = self._shared if is_full else self.limit()
        names = key if isinstance(key, tuple) else (key,)
        parts = [
            f"{part} {name}"
            for part, name in zip(dict.fromkeys(self.options.per or ()), names, strict=True)
        ]
        return f"for {', '.join(parts) or 'all calls'}: {limit}"

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        limits, key_of, seconds = self._limits, self._key, self.seconds

        async def step(call: Call) -> Any:
            key = key_of(call)
            limit = limits.get(key)
            if limit is None:
                limit = self._new(key)
            wait_s = limit.enter()
            if wait_s is not None:
                self._refuse(call, wait_s)
            began_at = seconds()
            try:
                response = await proceed(call)
            except CallError as error:
                limit.left(began_at, error.status)
                raise
            except CANCELLED:
                limit.left(began_at, call.status_if_cancelled(seconds()))
                raise
            except BaseException:
                limit.left(began_at, Status.UNKNOWN)
                raise
            if call.method.server_streams:
                # How long a stream takes says nothing about load, so it ends as if cancelled.
                call.on_end(lambda status: limit.left(began_at, Status.CANCELLED))
            else:
                limit.left(began_at, Status.OK)
            return response

        return step

    def _new(self, key: Hashable) -> Limit:
        """
        Return the limit for a key that has none yet.
        """
        limits = self._limits
        if self._before is not None:
            self._go_on_with(self._before)
            if key in limits:
                return limits[key]
        if not make_place(limits, self.options.max_keys, lambda one: one.idle):
            return self._shared
        limit = limits[key] = self.limit()
        return limit

    def _go_on_with(self, before: Limiter) -> None:
        """
        Take the limits of a limiter that this one has replaced.
        """
        self._before = None
        self._limits.update(before._limits)
        self._shared = before._shared
        for limit in (*self._limits.values(), self._shared):
            limit.use(self.options)

    def _refuse(self, call: Call, wait_s: float) -> None:
        method, options = call.method, self.options
        self._refused.of(method.service, method.name).value += 1
        name = title_of(self)
        self._log.warn_of(name, "{name} refuses {method}", name=name, method=method.path)
        # At random, or all that were refused would come back together.
        random = self.plugin_context.random.random()
        wait_s = max(wait_s, options.retry_after) * (1 + random)
        per = ", ".join(options.per or ()) or "all calls"
        raise Overloaded(
            f"more calls than {name} allows per {per}; try again in {wait_s:.3g} s",
            retry_after_s=wait_s,
        )


def _key_maker(per: tuple[str, ...]) -> Callable[[Call], Hashable]:
    """
    Return what makes the key of a call.
    """
    parts = [_PARTS[name] for name in dict.fromkeys(per)]
    if len(parts) == 1:
        return parts[0]
    return lambda call: tuple([part(call) for part in parts])


def _address(call: Call) -> str:
    """
    Return the address of the caller without its port, which each connection has anew.
    """
    return network_of(host_of(call.peer)) or call.peer


_PARTS: dict[str, Callable[[Call], Hashable]] = {
    "service": lambda call: call.method.service,
    "method": lambda call: call.method.path,
    "caller": lambda call: call.caller[:_MAX_NAME],
    "address": _address,
}
