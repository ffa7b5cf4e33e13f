"""
What a running server shows of itself, to services that describe it.

It is for reading: health, channelz, reflection and admin pages look here and change
nothing. Everything is as it is at the moment of asking.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import NamedTuple

from attrs import frozen

from rpcfw.values.address import Address
from rpcfw.values.health import Health
from rpcfw.values.method import Method

__all__ = ["Calls", "Connection", "HealthBoard", "Inspection", "ServedService"]


class Calls(NamedTuple):
    """
    How many calls there were. Those that are open have been started alone.
    """

    started: int = 0
    succeeded: int = 0
    failed: int = 0


@frozen(eq=False)
class Connection:
    """
    One accepted connection.

    Args:
        id: counted from 1, never used again in this process.
        peer: text of the address at the other end.
        protocol: the wire that it speaks.
        created_at: in seconds of the process's clock.
        calls: what came over it.
    """

    id: int
    peer: str
    protocol: str
    created_at: float
    calls: Calls


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
    A server, seen from within.
    """

    @property
    @abstractmethod
    def health(self) -> HealthBoard:
        """
        Who serves.
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
