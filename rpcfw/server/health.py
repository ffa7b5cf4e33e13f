"""
The health of a server and of its services.

Theory of operation. A server is NOT_SERVING until it listens, then SERVING, and NOT_SERVING
again when it begins to stop. A service has the health that its own code has set, SERVING if it
has set none. When the server stops, all services are NOT_SERVING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw.spi.inspection import HealthBoard
from rpcfw.values.health import Health

__all__ = ["ServerHealth"]


class ServerHealth(HealthBoard):
    """
    The health of one server.

    Args:
        services: returns the names of the services.
    """

    def __init__(self, services: Callable[[], Iterable[str]]) -> None:
        self._services = services
        self._set_by_code: dict[str, Health] = {}
        self._listening = False
        self._watchers: dict[object, Callable[[], None]] = {}

    def set(self, name: str, serving: bool | None) -> None:
        """
        Set the health of a service. Its calls are accepted whatever it is.

        Args:
            name: of a service; or empty, for the server as a whole; or any other name that a
                probe asks for.
            serving: None for "unknown".
        """
        if serving is None:
            self._set_by_code[name] = Health.UNKNOWN
        else:
            self._set_by_code[name] = Health.SERVING if serving else Health.NOT_SERVING
        self._notify()

    def begin(self) -> None:
        """
        The server listens.
        """
        self._listening = True
        self._notify()

    def drain(self) -> None:
        """
        The server begins to stop.
        """
        self._listening = False
        self._notify()

    def of(self, name: str) -> Health | None:
        return self.all().get(name)

    def all(self) -> dict[str, Health]:
        names = ("", *self._services())
        if not self._listening:
            return dict.fromkeys((*names, *self._set_by_code), Health.NOT_SERVING)
        return {**dict.fromkeys(names, Health.SERVING), **self._set_by_code}

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        key = object()
        self._watchers[key] = changed

        def end() -> None:
            self._watchers.pop(key, None)

        return end

    def _notify(self) -> None:
        for changed in tuple(self._watchers.values()):
            changed()
