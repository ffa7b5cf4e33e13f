"""
The applications that a registry lists as consumers of a service: they may have no admin port.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from rpcfw.app.application import Application
from rpcfw.errors import DeadlineExceeded, RPCFWError
from rpcfw.spi.runtime.waiting import with_deadline

__all__ = ["ListedConsumers"]

_LIMIT_S = 2.0
#: The page of a service is loaded again and again, by everybody who looks at it.
_KEPT_S = 10.0
_MAX_KEPT = 200


class ListedConsumers:
    """
    Asks the registry, and remembers for a short time.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._kept: OrderedDict[str, tuple[float, Sequence[str]]] = OrderedDict()

    async def of(self, service: str) -> Sequence[str]:
        """
        Return the names of the applications; none if the registry lists no consumers.
        """
        seconds = self._application.runtime.timers.seconds
        kept = self._kept.get(service)
        if kept is not None and seconds() - kept[0] < _KEPT_S:
            return kept[1]
        # The console watches each service, and is no consumer of it.
        own = self._application.runtime.plugin_context.application
        found = [each for each in await self._asked(service) if each != own]
        self._kept[service] = seconds(), found
        self._kept.move_to_end(service)
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return found

    async def _asked(self, service: str) -> Sequence[str]:
        registry, timers = self._application.registry, self._application.runtime.timers
        if registry is None:
            return []
        try:
            asked = registry.consumers(service)
            return await with_deadline(asked, timers, timers.seconds() + _LIMIT_S)
        except (RPCFWError, DeadlineExceeded):
            return []
