"""
Trials of rules: what a change would do, found in an application of its own.

The application follows the new rules as a consumer would. It is stopped afterwards, so the console
itself never follows what nobody has stored. One trial runs at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import DeferredLock

from rpcfw.app.application import Application
from rpcfw.app.rules.asked_calls import AskedCall, asked_method
from rpcfw.app.rules.preview import Preview, preview

__all__ = ["Trials"]

#: For the registry, and for each attempt to connect to the instances.
_LIMIT_S = 5.0


class Trials:
    """
    Tries rules.

    Args:
        make: makes an application of the same configuration.
    """

    def __init__(self, make: Callable[[], Application]) -> None:
        self._make = make
        self._lock = DeferredLock()

    async def preview(
        self, service: str, kind: str, text: str, method: str = "", given: AskedCall | None = None
    ) -> Preview:
        """
        Return the shares of the instances before and after.
        """
        await self._lock.acquire()
        try:
            return await self._tried(service, kind, text, method, given)
        finally:
            self._lock.release()

    async def _tried(self, *asked: Any) -> Preview:
        service, kind, text, method, given = asked
        async with self._make() as application:
            called = asked_method(service, method)
            return await preview(application, kind, text, called, given, _LIMIT_S)
