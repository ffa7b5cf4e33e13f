"""
The whole process, as the pages of its admin port see it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from rpcfw.kernel.lifecycle import Tree
from rpcfw.server.phases import ServerPhase
from rpcfw.server.server import Server
from rpcfw.spi.inspected_process import InspectedProcess, OptionValue
from rpcfw.spi.inspection import (
    Calls,
    Clients,
    Connection,
    HealthBoard,
    Inspection,
    ServedService,
)
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.address import Address
from rpcfw.values.health import Health
from rpcfw.values.method_rates import MethodRates
from rpcfw.values.recent_call import RecentCall

__all__ = ["ProcessView"]

#: The phases in which calls are welcome.
_READY = (ServerPhase.READY, ServerPhase.ANNOUNCED, ServerPhase.OFFLINE)


class ProcessView(InspectedProcess):
    """
    Shows one application.

    Args:
        plugin_context: has the clock, and the random numbers.
        server: of the application; None: it serves nothing.
        clients: what it calls.
        tree: returns its parts, as they start and stop.
        options: returns its options.
    """

    def __init__(
        self,
        plugin_context: PluginContext,
        server: Server | None,
        clients: Clients,
        tree: Callable[[], Tree],
        options: Callable[[], tuple[OptionValue, ...]],
    ) -> None:
        self._server = server
        self._random = plugin_context.random
        self._tree = tree
        self._options = options
        self._application = plugin_context.application
        self._seconds = plugin_context.clock.seconds
        self._since = self._seconds()
        self._started_at = plugin_context.time_of_day()
        self._inspection = (
            _NoServer(self, clients, plugin_context) if server is None else server.inspection
        )

    @property
    def application(self) -> str:
        return self._application

    @cached_property
    def run_id(self) -> str:
        # Not made before it is asked for: a process may make the application and then fork.
        return f"{self._random.randrange(1 << 64):016x}"

    @property
    def started_at(self) -> float:
        return self._started_at

    @property
    def uptime_s(self) -> float:
        return self._seconds() - self._since

    @property
    def phase(self) -> str:
        if self._server is None:
            tree = self._tree()
            phase = ServerPhase.READY if tree.running else ServerPhase.STARTING
            return (ServerPhase.DRAINING if tree.stopping else phase).value
        # What the server needs is started before it.
        return (self._server.phases.phase or ServerPhase.STARTING).value

    @property
    def ready(self) -> bool:
        return ServerPhase(self.phase) in _READY

    @property
    def inspection(self) -> Inspection:
        return self._inspection

    def options(self) -> tuple[OptionValue, ...]:
        return self._options()


class _NoServer(Inspection, HealthBoard):
    """
    What a process shows that serves nothing. It is healthy once it has started.
    """

    def __init__(
        self, process: InspectedProcess, clients: Clients, plugin_context: PluginContext
    ) -> None:
        self._process = process
        self._clients = clients
        self._context = plugin_context

    @property
    def health(self) -> HealthBoard:
        return self

    @property
    def addresses(self) -> tuple[Address, ...]:
        return ()

    @property
    def calls(self) -> Calls:
        return Calls()

    @property
    def last_call_at(self) -> float | None:
        return None

    @property
    def clients(self) -> Clients:
        return self._clients

    def services(self) -> tuple[ServedService, ...]:
        return ()

    def connections(self) -> tuple[Connection, ...]:
        return ()

    def recent_calls(self) -> tuple[RecentCall, ...]:
        return self._context.recent_calls.all()

    def last_minute(self) -> tuple[MethodRates, ...]:
        return self._context.last_minute.methods()

    def of(self, name: str) -> Health | None:
        return self.all().get(name)

    def all(self) -> dict[str, Health]:
        return {"": Health.SERVING if self._process.ready else Health.NOT_SERVING}

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """
        Call nothing: who watches asks again.
        """
        return lambda: None
