"""
What a running process shows of itself, to services that describe it.

It is for reading: health, channelz, reflection and admin pages look here and change
nothing. Everything is as it is at the moment of asking. Ids are counted from 1 for
each kind of thing, and never used again in this process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from attrs import frozen

from rpcfw.values.address import Address
from rpcfw.values.explanation import Explanation
from rpcfw.values.health import Health
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Method
from rpcfw.values.method_rates import MethodRates
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.recent_call import RecentCall

__all__ = [
    "CalledNode",
    "CalledService",
    "Calls",
    "Clients",
    "Connection",
    "Connectivity",
    "HealthBoard",
    "Inspection",
    "ServedService",
    "total",
]


class Calls(NamedTuple):
    """
    How many calls there were. Those that are open have been started alone.
    """

    started: int = 0
    succeeded: int = 0
    failed: int = 0


def total(each: Iterable[Calls]) -> Calls:
    """
    Return the sums.
    """
    return Calls(*(sum(column) for column in zip(Calls(), *each, strict=True)))


@frozen(eq=False)
class Connection:
    """
    One open connection: accepted by a server, or made by a client.

    Args:
        id: those of servers and those of clients are counted apart.
        peer: text of the address at the other end.
        protocol: the wire that it speaks.
        created_at: in seconds of the process's clock.
        calls: what came or went over it.
        local: text of the address at this end.
    """

    id: int
    peer: str
    protocol: str
    created_at: float
    calls: Calls
    local: str = ""


class Connectivity(Enum):
    """
    How a client stands with a node, or with all nodes of a service.

    A service is READY if one of its nodes is, else CONNECTING, IDLE or
    TRANSIENT_FAILURE: the first of these that one of them is.
    """

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    TRANSIENT_FAILURE = "transient_failure"
    SHUTDOWN = "shutdown"


@frozen(eq=False)
class CalledNode:
    """
    One instance of a service that is called.

    Args:
        id: its own.
        address: where it is.
        state: of the way to it.
        calls: attempts that were sent to it.
        created_at: in seconds of the process's clock.
        connections: those that are open now.
        health: see `rpcfw.values.node_health.NodeHealth`.
        reason: what has led to that; empty if nothing ever happened.
        probes: how many probers reach it, if they are asked; empty otherwise.
        version: of the service, as the instance announces it.
    """

    id: int
    address: Address
    state: Connectivity
    calls: Calls
    created_at: float
    connections: tuple[Connection, ...]
    health: NodeHealth = NodeHealth.HEALTHY
    reason: str = ""
    probes: str = ""
    version: str = ""


@frozen(eq=False)
class CalledService:
    """
    One service that is called.

    Args:
        id: its own.
        name: as this process calls it.
        state: of the ways to its nodes, taken together.
        calls: as their callers saw them, whatever attempts they took. Of a client
            whose METRICS filter was removed there are none.
        created_at: in seconds of the process's clock.
        last_call_at: likewise; None if there was none.
        nodes: ids with addresses of those that are known now.
    """

    id: int
    name: str
    state: Connectivity
    calls: Calls
    created_at: float
    last_call_at: float | None
    nodes: tuple[tuple[int, Address], ...]


class Clients:
    """
    What a process calls. By default: nothing.
    """

    def services(self) -> tuple[CalledService, ...]:
        """
        Return the services that are called, by ascending ids.
        """
        return ()

    def service(self, id: int) -> CalledService | None:
        """
        Return one of them by its id; None if there is none.
        """
        return next((each for each in self.services() if each.id == id), None)

    def node(self, id: int) -> CalledNode | None:
        """
        Return a node by its id; None if it is gone.
        """
        return None

    def connection(self, id: int) -> Connection | None:
        """
        Return an open connection by its id; None if it is gone.
        """
        return None

    def explain(
        self, method: Method, request: Any, metadata: MetadataLike | None = None
    ) -> Explanation | None:
        """
        Return what would become of a call now; None: this process does not call that service.

        Args:
            method: its names. If it was called before, its types and marks are known.
            request: the message, as JSON is read.

        Raises:
            CallError: the request does not fit the type of the method.
        """
        return None


@frozen(eq=False)
class ServedService:
    """
    One service.

    Args:
        name: as callers say it.
        methods: its methods, sorted by their names. Their types are Protobuf
            message classes where the service was defined in a .proto file.
        builtin: it describes the server, and is not announced.
    """

    name: str
    methods: tuple[Method, ...]
    builtin: bool


class HealthBoard(ABC):
    """
    The health of a server, whose name is empty, and of its services by their names.
    """

    @abstractmethod
    def of(self, name: str) -> Health | None:
        """
        Return what is known of a name; None if nobody here has it.
        """

    @abstractmethod
    def all(self) -> Mapping[str, Health]:
        """
        Return every name with its health, that of the server among them.
        """

    @abstractmethod
    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """
        Have ``changed()`` called after each change of any name.

        Returns:
            What ends it. May be called again.
        """


class Inspection(ABC):
    """
    One process, seen from within: its server, and what it calls.

    The server of a process that only calls is the one at the ports of ``[inspection]``.
    """

    @property
    @abstractmethod
    def health(self) -> HealthBoard:
        """
        The health of the server and of its services.
        """

    @property
    @abstractmethod
    def addresses(self) -> tuple[Address, ...]:
        """
        Where the server listens.
        """

    @property
    @abstractmethod
    def calls(self) -> Calls:
        """
        What came over all connections, those that are closed too.
        """

    @property
    @abstractmethod
    def last_call_at(self) -> float | None:
        """
        When the last call came, in seconds of the process's clock.

        None if there was none, or the METRICS filter was removed.
        """

    @property
    @abstractmethod
    def clients(self) -> Clients:
        """
        What this process calls itself.
        """

    @abstractmethod
    def services(self) -> tuple[ServedService, ...]:
        """
        Return what is served, sorted by name.
        """

    @abstractmethod
    def connections(self) -> tuple[Connection, ...]:
        """
        Return the open connections, oldest first.
        """

    def last_minute(self) -> tuple[MethodRates, ...]:
        """
        Return rates and percentiles of each method that was called lately, busiest first.

        Both of those that the process serves and of those that it calls. By default: none are
        known.
        """
        return ()

    def recent_calls(self) -> tuple[RecentCall, ...]:
        """
        Return calls of the last minutes that failed or were slow, the last one first.

        Both those that the process served and those that it made. By default: none are kept.
        """
        return ()
