"""
Which sockets a process takes over that another process opened, and which it refuses.
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import ExitStack

import pytest
from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from zope.interface import implementer

from rpcfw.errors import SetupError
from rpcfw.transport.network import inherited
from rpcfw.transport.network.inherited import listen_inherited
from rpcfw.values.inherited_socket import InheritedSocket

PID = 4711
#: No test has so many files open.
_FREE_FROM = 600


class Port:
    """
    A port that notes whether it listens.
    """

    def __init__(self, found: socket.socket) -> None:
        self.found = found
        self.listens = True

    def stopListening(self) -> None:
        self.listens = False
        self.found.close()


@implementer(IReactorSocket)
class Reactor:
    """
    Adopts as Twisted's do: with a duplicate of the descriptor.
    """

    def __init__(self) -> None:
        self.ports: list[Port] = []

    def adoptStreamPort(self, number, family, factory):  # noqa: N802  # its name
        found = socket.fromfd(number, family, socket.SOCK_STREAM)
        self.ports.append(Port(found))
        return self.ports[-1]


@pytest.fixture
def opened():
    """
    Sockets, and a way to open more of them; all are closed at the end.
    """
    with ExitStack() as stack:

        def open_one(family=socket.AF_INET, type=socket.SOCK_STREAM, *, listens=True):
            made = socket.socket(family, type)
            stack.callback(made.close)
            made.bind(("127.0.0.1", 0))
            if listens:
                made.listen()
            return made

        yield open_one


def passed(*sockets: socket.socket) -> int:
    """
    Duplicate sockets to descriptors in a row, as they are passed on; return the first.
    """
    numbers = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, _FREE_FROM) for each in sockets]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return numbers[0]


def listen(where: InheritedSocket, environ=None, pid: int = PID) -> Reactor:
    reactor = Reactor()
    try:
        listen_inherited(reactor, where, Factory(), environ or {}, pid)
    finally:
        for port in reactor.ports:
            port.found.close()
    return reactor


def activation(monkeypatch, numbers: int, **over: str) -> dict[str, str]:
    """
    Return the environment of a process to which systemd passed sockets from ``numbers`` on.
    """
    monkeypatch.setattr(inherited, "_FIRST_FD", numbers)
    return {"LISTEN_PID": str(PID), "LISTEN_FDS": "1", **over}


def test_a_descriptor_is_taken_over(opened):
    """
    What came is closed in favour of what listens, so that one close is enough in the end.
    """
    number = passed(opened())
    reactor = listen(InheritedSocket("fd", str(number)))

    assert 1 == len(reactor.ports)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_sockets_of_systemd_by_name(opened, monkeypatch):
    """
    All sockets of one name are listened at; others are left alone.
    """
    first = passed(opened(), opened(), opened())
    names = {"LISTEN_FDS": "3", "LISTEN_FDNAMES": "rpc:metrics:rpc"}
    reactor = listen(InheritedSocket("systemd", "rpc"), activation(monkeypatch, first, **names))

    assert 2 == len(reactor.ports)
    os.close(first + 1)  # it is open yet
    for closed in (first, first + 2):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(closed)


def test_sockets_without_names(opened, monkeypatch):
    """
    They are called "unknown", as sd_listen_fds_with_names(3) says.
    """
    number = passed(opened())
    environ = activation(monkeypatch, number)

    assert 1 == len(listen(InheritedSocket("systemd", "unknown"), environ).ports)


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"LISTEN_FDS": ""}, "LISTEN_FDS is not set"),
        ({"LISTEN_PID": "1"}, "the sockets are meant for process 1, and this is process 4711"),
        ({"LISTEN_PID": ""}, "LISTEN_PID is not set"),
        ({"LISTEN_FDS": "many"}, "LISTEN_FDS is 'many'; expected 0 to 1000"),
        ({"LISTEN_FDS": "1" * 5000}, "expected 0 to 1000"),
        ({"LISTEN_FDS": "0"}, "it passed: none"),
        ({"LISTEN_FDNAMES": "web:more:than:there:are"}, "it passed: web "),
    ],
)
def test_what_systemd_did_not_pass(over, expected, monkeypatch):
    """
    The error says what was passed, and to whom.
    """
    environ = {k: v for k, v in activation(monkeypatch, 3, **over).items() if v}
    with pytest.raises(SetupError) as raised:
        listen(InheritedSocket("systemd", "rpc"), environ)

    assert expected in str(raised.value)


def test_a_descriptor_that_is_not_open():
    """
    The number is named.
    """
    with pytest.raises(SetupError, match="file descriptor 987654 is not open in this process"):
        listen(InheritedSocket("fd", "987654"))


def test_descriptors_that_do_not_listen(opened, tmp_path):
    """
    What is no listening socket is refused, and left open: it is somebody else's.
    """
    datagrams = opened(type=socket.SOCK_DGRAM, listens=False)
    quiet = opened(listens=False)
    with (tmp_path / "file").open("w") as file:
        refused = {
            file.fileno(): "is no socket",
            datagrams.fileno(): "is a socket for datagrams",
            quiet.fileno(): "is a socket that does not listen",
        }
        for number, expected in refused.items():
            with pytest.raises(SetupError, match=f"{number} {expected}"):
                listen(InheritedSocket("fd", str(number)))
            os.fstat(number)


def test_one_of_several_is_wrong(opened, monkeypatch):
    """
    None is listened at then.
    """
    first = passed(opened(), opened(listens=False))
    names = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "rpc:rpc"}
    reactor = Reactor()
    environ = activation(monkeypatch, first, **names)
    with pytest.raises(SetupError, match="does not listen"):
        listen_inherited(reactor, InheritedSocket("systemd", "rpc"), Factory(), environ, PID)
    os.close(first + 1)

    assert [False] == [port.listens for port in reactor.ports]


def test_a_reactor_without_descriptors():
    """
    A clock, or a reactor that cannot, is no reason for a traceback.
    """
    with pytest.raises(SetupError, match="this reactor cannot listen"):
        listen_inherited(Clock(), InheritedSocket("fd", "3"), Factory(), {}, PID)
