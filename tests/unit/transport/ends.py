"""
Two ends of a connection in memory, and ears that note what they hear.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Limits
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.connection.driver import Driver, DriverObserver, Listener, UnaryListener
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.wire.protocol import NativeProtocol

__all__ = [
    "Ear",
    "Ends",
    "Keeper",
    "UnaryEar",
    "flush",
    "head",
    "keep",
    "machine_of",
    "native",
    "turn",
]


def native() -> NativeProtocol:
    """
    Return the native protocol.
    """
    return NativeProtocol(NoOptions(), plugin_context())


def head(**over: Any) -> RequestHead:
    """
    Return the head of a call.
    """
    return RequestHead("demo.Greeter/say", "raw", **over)


def turn(clock: Clock, count: int = 10) -> None:
    """
    Let the reactor go round without time passing.
    """
    for _ in range(count):
        clock.advance(0)


def machine_of(driver: Driver) -> Any:
    """
    Return what a driver hides from all but these tests.
    """
    return driver._machine  # noqa: SLF001 - nobody else may


def flush(driver: Driver) -> None:
    """
    Write what its machine was asked behind the driver's back.
    """
    driver._output.flush()  # noqa: SLF001 - nobody else may


def keep(driver: Driver, size: int) -> None:
    """
    Let the peer's flow control keep so many bytes at its machine.
    """
    machine_of(driver).unsent_bytes = size
    flush(driver)


class Keeper(DriverObserver):
    """
    An owner that notes what it is told, and answers unless told to wait.
    """

    def __init__(self, *, answers: bool = True) -> None:
        self.told: list[Any] = []
        self.requests: list[Any] = []
        self.drivers: list[Driver] = []
        self._answers = answers

    def connected(self, driver: Driver) -> None:
        self.drivers.append(driver)
        self.told.append("connected")

    def handshake_completed(self, driver: Driver) -> None:
        self.told.append("greeted")

    def accept(self, driver: Driver, event: Any) -> None:
        self.requests.append(event)
        if self._answers:
            driver.respond(event.call_id, event.body[::-1])

    def goaway_received(self, driver: Driver, reason: str) -> None:
        self.told.append(("leaving", reason))

    def closed(self, driver: Driver, reason: str) -> None:
        self.told.append(("closed", reason))


class Ear(Listener):
    """
    Notes what it hears.
    """

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def responded(self, event: Any) -> None:
        self.heard.append(event.body)

    def message(self, event: Any) -> None:
        self.heard.append(event.body)

    def writable(self) -> None:
        self.heard.append("room")

    def half_closed(self) -> None:
        self.heard.append("end")

    def lost(self, error: Any) -> None:
        self.heard.append(error)


class UnaryEar(UnaryListener):
    """
    Notes the one answer it hears.
    """

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def responded(self, event: Any) -> None:
        self.heard.append(event)

    def lost(self, error: Any) -> None:
        self.heard.append(error)


class Ends:
    """
    A client's and a server's driver, joined and greeted.
    """

    def __init__(self, *, answers: bool = True, limits: Limits | None = None) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        self.client_keeper, self.server_keeper = Keeper(), Keeper(answers=answers)
        wire, limits = native(), limits or Limits()
        self.near = Driver(wire.client(limits, ()), self.client_keeper, self.clock)
        self.far = Driver(wire.server(limits, ()), self.server_keeper, self.clock, True, 10.0)
        self.network.listen("there", Factory.forProtocol(lambda: self.far))
        self.network.connect("there", Factory.forProtocol(lambda: self.near))
        self.turn()

    def turn(self, count: int = 10) -> None:
        turn(self.clock, count)

    def ask(self, body: bytes = b"abc") -> Ear:
        """
        Make a call; return its ear.
        """
        ear = Ear()
        self.near.request(head(), body, "", ear)
        return ear
