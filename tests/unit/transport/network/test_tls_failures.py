"""
What is left of a connection whose TLS has failed.
"""

from __future__ import annotations

import gc
import weakref

import pytest
from twisted.python.failure import Failure

from rpcfw.spi.machine import Limits
from rpcfw.testing.lab_time import LabClock
from rpcfw.transport.connection.driver import Driver
from tests.unit.transport.connection.test_turns import Socket
from tests.unit.transport.ends import Keeper, native
from tests.unit.transport.network.test_sniffing import Port


class Held:
    """
    Something that a frame refers to.
    """


@pytest.fixture(name="_no_gc")
def _no_gc_fixture():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def fail(lost) -> weakref.ref:
    """
    Tell of the end as Twisted's TLS does: from a frame that the failure is a variable of.
    """
    held = Held()
    try:
        raise ValueError("unexpected end")
    except ValueError:
        failure = Failure()
        lost(failure)
    return weakref.ref(held)


@pytest.mark.usefixtures("_no_gc")
def test_a_connection_lets_go_of_the_frames_of_its_failure():
    """
    They are freed at once, with what their variables refer to.
    """
    keeper = Keeper()
    driver = Driver(native().server(Limits(), ()), keeper, LabClock(), True, 10.0)
    driver.makeConnection(Socket())
    assert fail(driver.connectionLost)() is None
    assert "unexpected end" in keeper.told[-1][1]


@pytest.mark.usefixtures("_no_gc")
def test_so_does_one_that_ends_in_its_handshake():
    """
    Before its protocol is known.
    """
    port = Port()
    sniffer = port.open().protocol
    assert fail(sniffer.connectionLost)() is None
