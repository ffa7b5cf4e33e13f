"""
How kazoo waits, reads, answers, wakes and connects: its threading handler, repaired.

- *Waiting* makes a new epoll object for each read and write; `poll` costs a fraction
  of that. And it looks at the socket alone, so that replies which a TLS record
  brought along lie unread until the next ping.
- *Reading* takes two waits and two reads a reply. kazoo leaves out the wait for a
  socket with `pending` bytes, so we give it one that reads ahead.
- *Answering* takes a condition variable a request and a queue to one more thread.
  Our callbacks only post to the reactor, so they are called where the reply is read.
- *Waking* sends one byte a request through a socket pair, which takes about 280
  of them and then blocks the caller: the reactor's thread. A pipe takes 65,536
  and, when full, refuses instead.
- *Connecting* drops the reason for a failure, may take a whole session time, and
  leaves a connection open whose TLS handshake failed.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from kazoo.handlers.threading import SequentialThreadingHandler

__all__ = ["KazooHandler"]

_READABLE = select.POLLIN | select.POLLPRI | select.POLLHUP | select.POLLERR | select.POLLNVAL
_READ_AHEAD_BYTES = 1 << 16
_WRITABLE = select.POLLOUT | select.POLLHUP | select.POLLERR | select.POLLNVAL


class _Result:
    """
    A result to come: kazoo's AsyncResult without any way to wait for it.
    """

    __slots__ = ("_callbacks", "_done", "_lock", "exception", "value")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[_Result], object]] = []
        self._done = False
        self.value: Any = None
        self.exception: BaseException | None = None

    def ready(self) -> bool:
        return self._done

    def set(self, value: Any = None) -> None:
        self._finish(value, None)

    def set_exception(self, exception: BaseException) -> None:
        self._finish(None, exception)

    def get(self) -> Any:
        if self.exception is not None:
            raise self.exception
        return self.value

    def rawlink(self, callback: Callable[[_Result], object]) -> None:
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def _finish(self, value: Any, exception: BaseException | None) -> None:
        with self._lock:
            if self._done:
                return
            self._done = True
            self.value, self.exception = value, exception
        for callback in self._callbacks:
            callback(self)


class _PipeEnd:
    """
    One end of a pipe, with the part of a socket's methods that kazoo uses.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)

    def fileno(self) -> int:
        return self._fd

    def send(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def recv(self, size: int) -> bytes:
        return os.read(self._fd, size)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class _ReadAhead:
    """
    A connection that reads all there is and hands it out in parts.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ahead = b""
        self._at = 0
        self.send = connection.send
        self.fileno = connection.fileno
        self.setblocking = connection.setblocking
        self.getpeername = connection.getpeername
        self.close = connection.close

    def pending(self) -> int:
        ahead = len(self._ahead) - self._at
        return ahead or getattr(self._connection, "pending", _nothing)()

    def recv(self, size: int) -> bytes:
        if self._at == len(self._ahead):
            self._ahead = self._connection.recv(_READ_AHEAD_BYTES)
            self._at = 0
        part = self._ahead[self._at : self._at + size]
        self._at += len(part)
        return part

    def cut(self) -> None:
        with suppress(OSError):  # it is broken already
            # Not the TLS socket's own: it would leave kazoo's thread without one.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


def _nothing() -> int:
    return 0


class KazooHandler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no types
    """
    The handler of one client.

    Args:
        connect_timeout_s: limit of one connect, TLS handshake included.
        trouble: called with the reason why a connect failed, in kazoo's thread.
        tls: None for plain TCP.
    """

    def __init__(
        self,
        connect_timeout_s: float,
        trouble: Callable[[str], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__()
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._trouble = trouble
        self._connection: _ReadAhead | None = None

    def select(
        self, rlist: Sequence[Any], wlist: Sequence[Any], xlist: Sequence[Any], timeout: float
    ) -> tuple[list[Any], list[Any], list[Any]]:
        unread = [each for each in rlist if isinstance(each, _ReadAhead) and each.pending()]
        poll = select.poll()
        for source in rlist:
            poll.register(source, _READABLE)
        for source in wlist:
            poll.register(source, _WRITABLE)
        ready = {fd for fd, _ in poll.poll(0 if unread else timeout * 1000)}
        return (
            [source for source in rlist if source in unread or source.fileno() in ready],
            [source for source in wlist if source.fileno() in ready],
            [],
        )

    def async_result(self) -> _Result:
        return _Result()

    def create_socket_pair(self) -> tuple[_PipeEnd, _PipeEnd]:
        read_end, write_end = os.pipe()
        return _PipeEnd(read_end), _PipeEnd(write_end)

    def create_connection(
        self,
        address: tuple[str, int],
        hostname: str | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _ReadAhead:
        host, port = hostname or address[0], address[1]
        try:
            connected = self._connected(address, host)
        except OSError as error:
            self._trouble(f"cannot connect to {host}:{port}: {error}")
            raise
        self._connection = _ReadAhead(connected)
        return self._connection

    def _connected(self, address: tuple[str, int], host: str) -> socket.socket:
        plain = socket.create_connection(address, self._connect_timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return plain
        # If the handshake fails, this closes the connection.
        return self._tls.wrap_socket(plain, server_hostname=host)

    def cut(self) -> None:
        """
        Break the connection, so that whoever waits for it in kazoo's thread goes on.
        """
        if self._connection is not None:
            self._connection.cut()

    def forget_connection(self) -> None:
        """
        Drop the connection in a forked child, and send nothing to the server.
        """
        if self._connection is not None:
            self._connection.close()
