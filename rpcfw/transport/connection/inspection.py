"""
What is shown of one connection while it is open, and counted of it afterwards.
"""

from __future__ import annotations

from rpcfw.spi.inspection import Calls, Connection
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.network.address_text import address_text

__all__ = ["calls_at_end", "calls_of", "connection_of"]


def calls_of(driver: Driver) -> Calls:
    """
    Return a connection's calls. Successes are not counted, but follow from the rest.
    """
    succeeded = driver.begun - driver.failed - len(driver.listeners)
    return Calls(driver.begun, succeeded, driver.failed)


def calls_at_end(driver: Driver) -> Calls:
    """
    Return the calls of a connection that has ended: those that are still open have failed.
    """
    calls = calls_of(driver)
    return calls._replace(failed=calls.started - calls.succeeded)


def connection_of(driver: Driver, id: int, created_at: float, protocol: str) -> Connection:
    """
    Return what is shown of a connection that is open.
    """
    local = address_text(driver.transport.getHost())
    return Connection(id, driver.peer, protocol, created_at, calls_of(driver), local)
