"""
What would happen, found out in applications that end with the answer.

What a person asks changes nothing that this process does otherwise: it follows no rules that are
only tried, and stays connected to no service because somebody has asked about it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import DeferredLock

from rpcfw.app.application import Application
from rpcfw.app.rules.asked_calls import AskedCall, asked_method
from rpcfw.app.rules.preview import Preview, preview
from rpcfw.app.tools.connecting import until_connected
from rpcfw.errors import Overloaded
from rpcfw.values.call_options import CallOptions
from rpcfw.values.explanation import Explanation
from rpcfw.values.method import Method

__all__ = ["Trials"]

#: For the registry, and for each attempt to connect to the instances.
_LIMIT_S = 5.0
#: Each connects to all instances of a service, so they are made one after another.
_MAX_WAITING = 8

T = TypeVar("T")


class Trials:
    """
    Tries rules and explains calls.

    Args:
        make: makes an application of the same configuration.
    """

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._lock = DeferredLock()
        self._waiting = 0

    async def preview(
        self, service: str, kind: str, text: str, method: str = "", given: AskedCall | None = None
    ) -> Preview:
        """
        Return the shares of the instances before and after.

        Raises:
            Overloaded: many wait already.
        """

        async def tried(application: Application) -> Preview:
            called = asked_method(service, method)
            return await preview(application, kind, text, called, given, _LIMIT_S)

        return await self._alone(tried)

    async def explanation(self, method: Method, request: Any, options: CallOptions) -> Explanation:
        """
        Return where a call would go.

        Args:
            options: their time limit is that for the instances to be known, and connected.

        Raises:
            Overloaded: many wait already.
        """

        async def explained(application: Application) -> Explanation:
            await application.explain(method, request, options)
            await until_connected(application, method.service, options.timeout_s or _LIMIT_S)
            return await application.explain(method, request, options)

        return await self._alone(explained)

    async def _alone(self, use: Callable[[Application], Coroutine[Any, Any, T]]) -> T:
        if self._waiting >= _MAX_WAITING:
            raise Overloaded(f"{_MAX_WAITING} others wait for such an answer: ask again later")
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            async with self._make() as application:
                return await use(application)
        finally:
            self._lock.release()
