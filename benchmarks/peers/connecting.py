"""
Connections by Python's own ssl module: each is made, answered once, and closed.

The client is the same for all servers, and its processor time says nothing about them.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from benchmarks.job import Job
from benchmarks.peers import greeting

__all__ = ["call"]

_LIMIT_S = 30
_ALPN = {"grpc": "h2", "native": "rpcfw"}
#: Closed connections keep their ports for a minute, and one address has too few of them.
_HOSTS = 200


class _Connecting:
    """
    Makes connections as a job says: with TLS, and with the session of the last one.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._greeting = greeting(job.wire)
        self._context = _context(job) if job.certificate else None
        self._session: ssl.SSLSession | None = None
        self._made = count()

    def __call__(self) -> None:
        host = f"127.0.0.{1 + next(self._made) % _HOSTS}"
        address = ("127.0.0.1", self._job.port)
        with socket.create_connection(address, _LIMIT_S, (host, 0)) as connection:
            if self._context is None:
                self._greet(connection)
                return
            session = self._session
            with self._context.wrap_socket(
                connection, server_hostname="127.0.0.1", session=session
            ) as secure:
                self._greet(secure)
                if session is not None and not secure.session_reused:
                    raise ConnectionError("the server did not resume the TLS session")
                if self._job.resumes:
                    # It has come with the answer.
                    self._session = secure.session
                # Without close_notify OpenSSL does not resume the session. What comes after it,
                # in place of the server's own, is of no interest.
                with suppress(OSError):
                    secure.unwrap()

    def _greet(self, connection: socket.socket) -> None:
        connection.sendall(self._greeting)
        if not connection.recv(1 << 16):
            raise ConnectionError("the server closed a connection that had done nothing")


def _context(job: Job) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=job.certificate)
    context.set_alpn_protocols([_ALPN[job.wire]])
    return context


def call(job: Job) -> None:
    """
    Make connections in threads.
    """
    connect = _Connecting(job)

    def calls(in_flight: int) -> list[Callable[[], object]]:
        return [connect] * in_flight

    job.measure_threads(calls)
