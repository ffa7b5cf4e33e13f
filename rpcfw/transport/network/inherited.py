"""
Listening at sockets that another process opened: a supervisor's, or systemd's.

Several processes may hold one such socket, and the system gives each connection to one
of them. So this process only ever closes its own descriptors. It never shuts the socket
down, which would end it for all, and never removes the path of a Unix socket.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorSocket

from rpcfw.errors import SetupError
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket

__all__ = ["address_of", "listen_inherited"]

#: The first descriptor that systemd passes (SD_LISTEN_FDS_START of sd_listen_fds(3)).
_FIRST_FD = 3
#: See proc_pid_environ(5).
_STARTED_WITH = Path("/proc/self/environ")
#: systemd passes fewer; a number without a bound would be counted through.
_MAX_FDS = 1000


def listen_inherited(
    reactor: Any,
    where: InheritedSocket,
    factory: IProtocolFactory,
    environ: Mapping[str, str] | None = None,
    pid: int | None = None,
) -> list[IListeningPort]:
    """
    Accept connections from inherited sockets; from several if systemd gave them one name.

    The descriptors are taken over: they are not passed on to programs that this process
    starts, and are closed when it stops listening.

    Args:
        environ: where systemd's variables stand; None: in this process's environment.
        pid: of this process; None: it is asked for.

    Raises:
        SetupError: there is no such socket, or it is none that listens.
    """
    if not IReactorSocket.providedBy(reactor):
        raise SetupError("this reactor cannot listen at a socket that is open already")
    if where.source == "fd":
        numbers: Sequence[int] = [int(where.name)]
    else:
        environ = _environment() if environ is None else environ
        numbers = _passed_by_systemd(where, environ, os.getpid() if pid is None else pid)
    ports: list[IListeningPort] = []
    try:
        for number in numbers:
            port = _listen(reactor, number, factory)
            ports.append(port)
    except BaseException:
        for port in ports:
            port.stopListening()
        raise
    return ports


def address_of(port: IListeningPort, *, secure: bool) -> Address:
    """
    Return the address that a port's socket is bound to.
    """
    bound = cast(Any, port.getHost())
    if hasattr(bound, "port"):
        return Address("tls" if secure else "tcp", bound.host, bound.port)
    return Address("unix", os.fsdecode(bound.name))


def _listen(reactor: Any, number: int, factory: IProtocolFactory) -> IListeningPort:
    inherited = _listening_socket(number)
    # The port below has a duplicate of the descriptor; the one that came is closed here.
    with inherited:
        if inherited.family == socket.AF_UNIX:
            # What is given may stand for the reactor: each connection would go through it.
            return _unix_port(reactor.adoptStreamPort.__self__, inherited.fileno(), factory)
        return cast(
            IListeningPort,
            reactor.adoptStreamPort(inherited.fileno(), inherited.family, factory),
        )


def _listening_socket(number: int) -> socket.socket:
    """
    Return the socket behind a descriptor.

    Raises:
        SetupError: it is none that listens for streams.
    """
    try:
        found = socket.socket(fileno=number)
    except OSError as error:
        problem = "is not open in this process"
        if error.errno == errno.ENOTSOCK:
            problem = "is no socket"
        raise SetupError(f"file descriptor {number} {problem}") from error
    problem = _problem(found)
    if problem:
        found.detach()  # it is not ours to close
        raise SetupError(f"file descriptor {number} {problem}")
    found.set_inheritable(False)
    found.setblocking(False)
    return found


def _problem(found: socket.socket) -> str:
    if found.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "is a socket neither of TCP nor a Unix socket"
    if found.type != socket.SOCK_STREAM:
        return "is a socket for datagrams; expected one for streams (ListenStream=)"
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "is a socket that does not listen; with systemd, set Accept=no"
    return ""


def _environment() -> Mapping[str, str]:
    """
    Return the environment, with what the process was started with.

    Twisted removes LISTEN_FDS and LISTEN_PID as `twisted.internet.endpoints` is imported.
    """
    try:
        started_with = os.fsdecode(_STARTED_WITH.read_bytes())
    except OSError:
        started_with = ""
    pairs = (each.partition("=") for each in started_with.split("\0"))
    return {**{name: value for name, _, value in pairs}, **os.environ}


def _passed_by_systemd(
    where: InheritedSocket, environ: Mapping[str, str], pid: int
) -> Sequence[int]:
    """
    Return the descriptors of one name, as sd_listen_fds_with_names(3) finds them.
    """
    count, meant = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_PID", "")
    if not count:
        raise SetupError(
            "systemd passed no socket to this process, for LISTEN_FDS is not set; "
            "is it started by a .service with a .socket unit of the same name?"
        )
    if meant != str(pid):
        raise SetupError(
            f"the sockets are meant for process {meant or '(LISTEN_PID is not set)'}, "
            f"and this is process {pid}; a process that systemd did not start itself is given "
            "the descriptor, as fd:3"
        )
    if not (count.isascii() and count.isdigit()) or int(count[:9]) > _MAX_FDS:
        raise SetupError(f"LISTEN_FDS is {count[:20]!r}; expected 0 to {_MAX_FDS}")
    # Where systemd gives no names, each is called so.
    names = environ.get("LISTEN_FDNAMES", "").split(":")[: int(count)]
    names = [name or "unknown" for name in names] + ["unknown"] * (int(count) - len(names))
    found = [_FIRST_FD + index for index, name in enumerate(names) if name == where.name]
    if not found:
        known = ", ".join(sorted(set(names))) or "none"
        raise SetupError(
            f"systemd passed no socket of that name; it passed: {known} "
            "(FileDescriptorName= of the .socket unit says the name)"
        )
    return found


class _InheritedUnixPort(unix.Port):
    """
    A Unix socket that another process bound.

    Twisted's own would set the mode of the path, and remove the path at the end.
    """

    # Twisted's own attributes; it has no types for them.
    _preexistingSocket: Any  # noqa: N815
    _shouldShutdown: bool  # noqa: N815
    socket: Any
    fileno: Any

    def startListening(self) -> None:
        # What Twisted's ports do, except for the path.
        tcp._reservedFD.reserve()  # noqa: SLF001  # for when descriptors run out
        cast(Any, self.factory).doStart()
        self.socket, self._preexistingSocket = self._preexistingSocket, None
        self._shouldShutdown = False
        self.fileno = self.socket.fileno
        self.connected = True
        self.numberAccepts = 100
        cast(Any, self).startReading()

    def connectionLost(self, reason: Any) -> None:
        cast(Any, tcp.Port).connectionLost(self, reason)


def _unix_port(reactor: Any, number: int, factory: IProtocolFactory) -> IListeningPort:
    make = cast(Any, _InheritedUnixPort)._fromListeningDescriptor  # noqa: SLF001  # as Twisted does
    port: Any = make(reactor, number, factory)
    port.startListening()
    return cast(IListeningPort, port)
