"""
What every builtin service promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import (
    Calls,
    Clients,
    Connection,
    HealthBoard,
    Inspection,
    ServedService,
)
from rpcfw.spi.service_class import offered
from rpcfw.values.address import Address
from rpcfw.values.health import Health

__all__ = ["BuiltinServiceContract", "FixedHealthBoard", "FixedInspection"]


class FixedHealthBoard(HealthBoard):
    """
    Health with fixed answers; a test may change `known`.

    Args:
        known: names with their health.
    """

    def __init__(self, known: Mapping[str, Health]) -> None:
        self.known = dict(known)
        self.watching: list[Callable[[], None]] = []

    def of(self, name: str) -> Health | None:
        return self.known.get(name)

    def all(self) -> Mapping[str, Health]:
        return self.known

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.watching.append(changed)

        def end() -> None:
            if changed in self.watching:
                self.watching.remove(changed)

        return end


class FixedInspection(Inspection):
    """
    A server that shows what a test gave it.
    """

    def __init__(
        self,
        services: tuple[ServedService, ...] = (),
        connections: tuple[Connection, ...] = (),
        addresses: tuple[Address, ...] = (),
        health: HealthBoard | None = None,
        calls: Calls | None = None,
        clients: Clients | None = None,
        last_call_at: float | None = None,
    ) -> None:
        self._services = services
        self._connections = connections
        self._addresses = addresses
        self._health = FixedHealthBoard({"": Health.SERVING}) if health is None else health
        self._calls = Calls() if calls is None else calls
        self._clients = Clients() if clients is None else clients
        self._last_call_at = last_call_at

    @property
    def health(self) -> HealthBoard:
        return self._health

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self._addresses

    @property
    def calls(self) -> Calls:
        return self._calls

    @property
    def last_call_at(self) -> float | None:
        return self._last_call_at

    @property
    def clients(self) -> Clients:
        return self._clients

    def services(self) -> tuple[ServedService, ...]:
        return self._services

    def connections(self) -> tuple[Connection, ...]:
        return self._connections


class _Closed(FixedInspection):
    """
    A server that is being made: looking at it is too early.
    """

    def services(self) -> tuple[ServedService, ...]:
        raise AssertionError("the server was looked at before it was made")

    def connections(self) -> tuple[Connection, ...]:
        raise AssertionError("the server was looked at before it was made")


class BuiltinServiceContract:
    """
    The tests of a builtin service.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyPage(BuiltinServiceContract):
            def make(self):
                return MyPage(NoOptions(), plugin_context())
    """

    @abstractmethod
    def make(self) -> BuiltinService:
        """
        Return a new plugin.
        """

    def test_its_services_can_be_served(self) -> None:
        """
        It gives services, each with a name of its own and at least one method.
        """
        services = self.make().services(FixedInspection())

        names = [type(service).service_name for service in services]
        assert names
        assert len(names) == len(set(names))
        assert all(offered(type(service)) for service in services)

    def test_it_does_not_look_too_early(self) -> None:
        """
        The server is not looked at while it is being made.
        """
        assert self.make().services(_Closed())

    def test_servers_share_nothing(self) -> None:
        """
        Two servers get two sets of service objects.
        """
        plugin = self.make()
        first, second = plugin.services(FixedInspection()), plugin.services(FixedInspection())

        assert not {id(one) for one in first} & {id(one) for one in second}
