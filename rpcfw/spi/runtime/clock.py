"""
Time, random numbers and threads, as arguments.

`twisted.internet.task.Clock` is a `Clock`, so a test moves time by hand. The reactor
itself is none: see `rpcfw.app.steady`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    # For annotations alone: wire machines import this and load no Twisted.
    from twisted.internet.defer import Deferred

__all__ = ["Clock", "DelayedCall", "RandomSource", "Threads"]

T = TypeVar("T")


class DelayedCall(Protocol):
    """
    A call that the clock will make; Twisted's IDelayedCall.
    """

    def cancel(self) -> None: ...

    def active(self) -> bool: ...


class Clock(Protocol):
    """
    Monotonic seconds and a way to be called later.

    Seconds count from whenever the clock likes; they are for differences alone.
    """

    def seconds(self) -> float: ...

    # The name is the reactor's, so that a clock of Twisted's fits as it is.
    def callLater(  # noqa: N802
        self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any: ...


class RandomSource(Protocol):
    """
    The part of `random.Random` that is used.
    """

    def random(self) -> float: ...

    def randrange(self, stop: int, /) -> int: ...


class Threads(Protocol):
    """
    The bridge between the reactor's thread and others.
    """

    def call(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """
        Run ``function`` in a thread; the Deferred fires in the reactor's.
        """

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """
        Run ``function`` in the reactor's thread, soon. Callable from any thread.
        """
