"""
Twisted's reactor, chosen when it is first used.

So an application may be made where modules are imported, before it is known whether
`asyncio.run`, `Application.run` or a thread of its own will run it; and before a server
such as gunicorn forks the processes that are to use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import (
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUNIX,
)
from zope.interface import implementer

__all__ = ["LateReactor"]


@implementer(
    IReactorThreads,
    IReactorTCP,
    IReactorUNIX,
    IReactorSocket,
    IReactorTime,
    IReactorPluggableNameResolver,
)
class LateReactor:
    """
    Does what the reactor does; the first use chooses it.

    Args:
        choose: returns Twisted's reactor, having installed one if need be. Its argument
            says that the reactor is to run in a thread of its own.
    """

    def __init__(self, choose: Callable[[bool], Any]) -> None:
        self._choose = choose
        self._chosen: Any = None

    def get(self, *, own_thread: bool = False) -> Any:
        """
        Return the reactor itself.

        Raises:
            SetupError: it cannot be had, or another kind is installed.
        """
        if self._chosen is None:
            self._chosen = self._choose(own_thread)
        return self._chosen

    def anew(self) -> Any:
        """
        Return the reactor that there is here and now, for an application's start.

        Raises:
            SetupError: as for `get`.
        """
        self._chosen = None
        return self.get()

    # What is used often has no detour.

    def callLater(  # noqa: N802 - the reactor's name
        self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        return self.get().callLater(delay, callable, *args, **kwargs)

    def callFromThread(  # noqa: N802 - likewise
        self, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> None:
        self.get().callFromThread(callable, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # zope's questions choose no reactor
        return getattr(self.get(), name)
