"""
Listening at sockets that another process opened: a supervisor's, or systemd's.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from rpcfw.transport.network.inherited import address_of, listen_inherited
from rpcfw.values.inherited_socket import InheritedSocket
from tests.certificates import Authority
from tests.real.commands import Running, rpcfw

GREETER = (
    *("serve", "--set", "app.python_path=examples/greeter"),
    *("--set", "server.services=service:Greeter"),
    *("--set", "registry.plugin=memory"),
)

#: Starts a command as systemd does: sockets from descriptor 3 on, and what says so.
ACTIVATE = """
import fcntl, os, sys
names, numbers, *command = sys.argv[1:]
copies = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in numbers.split(",")]
for offset, number in enumerate(copies):
    os.dup2(number, 3 + offset)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(copies)), LISTEN_FDNAMES=names)
os.execv(sys.executable, [sys.executable, "-m", "rpcfw.cli.main", *command])
"""


class Activated(Running):
    """
    A command that gets sockets as systemd passes them.
    """

    command = (sys.executable, "-c", ACTIVATE)


@pytest.fixture
def listening():
    """
    A socket that listens at a free port of TCP.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def port_of(listening: socket.socket) -> int:
    return listening.getsockname()[1]


def serve(*listen: str, pass_fds: tuple[int, ...], more: tuple[str, ...] = ()) -> Running:
    text = f"server.listen={', '.join(listen)}"
    return Running(*GREETER, "--set", text, *more, pass_fds=pass_fds)


def says_hello(address: str, *more: str) -> bool:
    """
    Call the service there.
    """
    call = ("call", "--address", address, *more, "demo.Greeter/say", '{"name": "bob"}')
    done = rpcfw(*call)
    assert 0 == done.returncode, done.stderr
    return "bob" in done.stdout


@pytest.mark.parametrize("driver", ["epoll", "asyncio", "uvloop"])
def test_a_socket_of_the_parent(listening, driver):
    """
    It is served at, under every reactor, and listens on when the process has ended.
    """
    number, port = listening.fileno(), port_of(listening)
    reactor_ = ("--set", f"app.reactor={driver}")
    with serve(f"fd:{number}", pass_fds=(number,), more=reactor_) as provider:
        assert f"serving demo.Greeter at tcp:127.0.0.1:{port}" == provider.line()
        assert says_hello(f"127.0.0.1:{port}")
        code, _, log = provider.end(signal.SIGTERM)

    assert 0 == code, log
    assert f"listening at tcp:127.0.0.1:{port} (fd:{number})" in log
    # It waits in the backlog for whoever holds the socket, as this process does.
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        pass


def test_workers_share_a_socket(listening):
    """
    Of two processes with one socket each can end, and calls go to the other.
    """
    number, port = listening.fileno(), port_of(listening)
    with serve(f"fd:{number}", pass_fds=(number,)) as one:
        with serve(f"fd:{number}", pass_fds=(number,)) as other:
            assert one.line() == other.line()
            assert says_hello(f"127.0.0.1:{port}")
            assert 0 == other.end(signal.SIGTERM)[0]
        assert says_hello(f"127.0.0.1:{port}")


def test_a_unix_socket_is_left_as_it_is(tmp_path):
    """
    Its path keeps its mode, and is not removed by a process that did not bind it.
    """
    path = tmp_path / "rpc.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o640)
        listening.listen()
        for _ in range(2):
            number = listening.fileno()
            with serve(f"fd:{number}", pass_fds=(number,)) as provider:
                assert f"serving demo.Greeter at unix:{path}" == provider.line()
                assert says_hello(f"unix:{path}")
                assert 0 == provider.end(signal.SIGTERM)[0]
            assert 0o640 == stat.S_IMODE(path.stat().st_mode)


def test_tls(listening, tmp_path):
    """
    Connections of an inherited socket may be under TLS.
    """
    authority = Authority(tmp_path)
    certificate, key, _ = authority.issue("server", "127.0.0.1")
    number, port = listening.fileno(), port_of(listening)
    files = ("--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}")
    with serve(f"tls+fd:{number}", pass_fds=(number,), more=files) as provider:
        assert f"serving demo.Greeter at tls:127.0.0.1:{port}" == provider.line()
        trust = ("--set", f"tls.ca={authority.certificate}")
        assert says_hello(f"tls:127.0.0.1:{port}", *trust)


def test_sockets_of_systemd(listening):
    """
    Sockets are found by name; one name may be of several.
    """
    with socket.create_server(("127.0.0.1", 0)) as second, socket.create_server(("", 0)) as third:
        passed = tuple(each.fileno() for each in (listening, third, second))
        numbers = ",".join(map(str, passed))
        listen = ("--set", "server.listen=systemd:rpc")
        with Activated("rpc:web:rpc", numbers, *GREETER, *listen, pass_fds=passed) as provider:
            line = provider.line()
            ports = [port_of(listening), port_of(second)]
            for port in ports:
                assert f"tcp:127.0.0.1:{port}" in line
                assert says_hello(f"127.0.0.1:{port}")
            assert str(port_of(third)) not in line


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("fd:0", "cannot listen at fd:0: file descriptor 0 is no socket"),
        ("fd:999", "cannot listen at fd:999: file descriptor 999 is not open in this process"),
        ("systemd:rpc", "cannot listen at systemd:rpc: systemd passed no socket to this process"),
    ],
)
def test_what_is_no_socket(listen, expected):
    """
    The process does not start, and one line says why.
    """
    done = rpcfw(*GREETER, "--set", f"server.listen={listen}")

    assert 0 != done.returncode
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


class InheritedPortTest(TestCase):
    """
    The ports that Twisted makes of them.
    """

    def _listen(self, listening: socket.socket):
        where = InheritedSocket("fd", str(os.dup(listening.fileno())))
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        (port,) = listen_inherited(reactor, where, factory, {})
        return port

    def test_descriptors_are_not_passed_on(self) -> Deferred[None]:
        """
        A program that this process starts does not keep the port open.
        """

        async def run() -> None:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                port = self._listen(listening)
                assert not os.get_inheritable(port.fileno())
                assert listening.getsockname()[1] == address_of(port, secure=False).port
                await port.stopListening()

        return Deferred.fromCoroutine(run())

    def test_sockets_of_every_kind(self) -> Deferred[None]:
        """
        Of IPv6, and Unix sockets without a file, as well.
        """

        async def run() -> None:
            name = f"\0rpcfw-test-{os.getpid()}"
            with socket.socket(socket.AF_UNIX) as abstract:
                abstract.bind(name)
                abstract.listen()
                port = self._listen(abstract)
                assert "unix" == address_of(port, secure=False).scheme
                await port.stopListening()
            if socket.has_ipv6:
                with socket.socket(socket.AF_INET6) as six:
                    try:
                        six.bind(("::1", 0))
                    except OSError:
                        return
                    six.listen()
                    port = self._listen(six)
                    assert "::1" == address_of(port, secure=False).host
                    await port.stopListening()

        return Deferred.fromCoroutine(run())
