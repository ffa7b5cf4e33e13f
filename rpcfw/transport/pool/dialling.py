"""
One link's attempts to connect: from the dial to the end of the handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from rpcfw.errors import SetupError
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock
from rpcfw.transport.connection.driver import Driver, DriverObserver
from rpcfw.transport.network.end_reason import end_reason, is_silent
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address

__all__ = ["Dialling"]


class Dialling:
    """
    Dials an address. At most one attempt is made at a time.

    Args:
        address: of the peer.
        network: connects.
        make_machine: makes a new machine for each connection.
        clock: of the drivers.
        observer: of the drivers.
        failed: called with the reason when an attempt fails that nobody stopped.
    """

    def __init__(
        self,
        address: Address,
        network: Network,
        make_machine: Callable[[], Machine],
        clock: Clock,
        observer: DriverObserver,
        failed: Callable[[str], None],
    ) -> None:
        #: The connection whose handshake is not completed.
        self.greeting: Driver | None = None
        self._address = address
        self._network = network
        self._make_machine = make_machine
        self._clock = clock
        self._observer = observer
        self._failed = failed
        self._dialling: Deferred[IProtocol] | None = None

    def start(self, limit_s: float) -> None:
        """
        Dial.
        """
        factory = Factory.forProtocol(self._new_driver)
        factory.noisy = False
        try:
            endpoint = self._network.client(self._address, limit_s)
        except SetupError as error:
            self._failed(str(error))
            return
        dialling = self._dialling = endpoint.connect(factory)
        dialling.addErrback(self._refused)

    def connected(self, driver: Driver) -> None:
        """
        Accept a connection that was dialled, and wait for the peer's handshake.
        """
        self.greeting = driver
        if _reached_itself(driver):
            driver.abort("nobody listens there: the connection reached itself")

    def handshake_completed(self) -> None:
        """
        The handshake is completed.
        """
        self.greeting = self._dialling = None

    def hint(self, reason: str) -> str:
        """
        Return what to look at if the handshake was not completed for this reason; or nothing.
        """
        if not is_silent(reason):
            return ""
        tls = "with" if self._address.scheme == "tls" else "without"
        return f" It ended before the handshake: does this port speak this protocol, {tls} TLS?"

    def stop(self, reason: str) -> None:
        """
        Give up the attempt that is being made, if any.
        """
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        greeting, self.greeting = self.greeting, None
        if greeting is not None:
            greeting.abort(reason)

    def _new_driver(self) -> Driver:
        driver = Driver(self._make_machine(), self._observer, self._clock)
        driver.lingering = self._network.lingering
        return driver

    def _refused(self, failure: Failure) -> None:
        self._failed(end_reason(failure))


def _reached_itself(driver: Driver) -> bool:
    """
    Return whether both ends are the same socket.

    TCP allows that. It happens if a port is dialled on which nobody listens, and the system
    chooses the same port for this end: the port of a server that has just stopped.
    """
    here: Any = driver.transport.getHost()
    there: Any = driver.transport.getPeer()
    ends = [(end.host, end.port) for end in (here, there) if hasattr(end, "port")]
    return len(ends) == 2 and ends[0] == ends[1]
