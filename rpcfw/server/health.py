"""
The health of a server and of its services.

Theory of operation. Until it listens a server is NOT_SERVING, then SERVING, and from
the moment it begins to leave NOT_SERVING for good. A service is as its own code says,
SERVING if that said nothing; but never better than a server that is leaving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw.spi.inspection import HealthBoard
from rpcfw.values.health import Health

__all__ = ["ServerHealth"]


class ServerHealth(HealthBoard):
    """
    What a server says of itself.

    Args:
        services: gives the names of the services.
    """

    def __init__(self, services: Callable[[], Iterable[str]]) -> None:
        self._services = services
        self._said: dict[str, Health] = {}
        self._listening = False
        self._watching: dict[object, Callable[[], None]] = {}

    def set(self, name: str, serving: bool | None) -> None:
        """
        Say whether a service serves, from any moment on. Its calls are still taken.

        Args:
            name: of a service; empty for the server as a whole, whose probes ask for
                that; or any other word that a probe may ask for.
            serving: None for "unknown".
        """
        if serving is None:
            self._said[name] = Health.UNKNOWN
        else:
            self._said[name] = Health.SERVING if serving else Health.NOT_SERVING
        self._tell()

    def begin(self) -> None:
        """
        The server listens.
        """
        self._listening = True
        self._tell()

    def leave(self) -> None:
        """
        The server is going.
        """
        self._listening = False
        self._tell()

    def of(self, name: str) -> Health | None:
        return self.all().get(name)

    def all(self) -> dict[str, Health]:
        names = ("", *self._services())
        if not self._listening:
            return dict.fromkeys((*names, *self._said), Health.NOT_SERVING)
        return {**dict.fromkeys(names, Health.SERVING), **self._said}

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        key = object()
        self._watching[key] = changed

        def end() -> None:
            self._watching.pop(key, None)

        return end

    def _tell(self) -> None:
        for changed in tuple(self._watching.values()):
            changed()
