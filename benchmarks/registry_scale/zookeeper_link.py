"""
A session of a simulated ZooKeeper client: jute, and as little as possible around it.

The messages are in zookeeper.jute of Apache ZooKeeper: each has its length in front of it, integers
are big-endian, and strings and vectors begin with their length.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

__all__ = ["EPHEMERAL", "PERSISTENT", "Session", "vector"]

_INT = Struct(">i")
_HEADER = Struct(">ii")
_REPLY = Struct(">iqi")
_EVENT = Struct(">ii")
#: protocolVersion, lastZxidSeen, timeOut, sessionId, the length of passwd, passwd, readOnly.
_CONNECT = Struct(">iqiqi16sb")
_TIMEOUT_MS = 30_000

_CREATE, _DELETE, _GET_CHILDREN, _PING = 1, 2, 8, 11
_XID_EVENT, _XID_PING = -1, -2
EPHEMERAL, PERSISTENT = 1, 0

Answered = Callable[[int, bytes], None]


def text(value: str) -> bytes:
    """
    Return a string as jute has it.
    """
    encoded = value.encode()
    return _INT.pack(len(encoded)) + encoded


def vector(body: bytes) -> list[bytes]:
    """
    Return the strings of a vector.
    """
    (count,) = _INT.unpack_from(body)
    at, found = _INT.size, []
    for _ in range(max(0, count)):
        (length,) = _INT.unpack_from(body, at)
        at += _INT.size
        found.append(body[at : at + length])
        at += length
    return found


#: World, with all permissions.
_OPEN_ACL = _INT.pack(1) + _INT.pack(31) + text("world") + text("anyone")


class Session(Int32StringReceiver):
    """
    One session.

    Args:
        opened: requests may be made.
        changed: a watch of this path has fired.
        lost: it is closed, with the reason.
    """

    MAX_LENGTH = 16 << 20

    def __init__(
        self,
        opened: Callable[[Session], None],
        changed: Callable[[str], None],
        lost: Callable[[str], None],
        clock: Any,
    ) -> None:
        self._opened = opened
        self._changed = changed
        self._lost = lost
        self._clock = clock
        self._xid = 0
        self._is_open = False
        self._waiting: dict[int, Answered] = {}

    def create(self, path: str, flags: int, answered: Answered) -> None:
        """
        Create a znode without data.
        """
        body = text(path) + _INT.pack(0) + _OPEN_ACL + _INT.pack(flags)
        self._ask(_CREATE, body, answered)

    def delete(self, path: str, answered: Answered) -> None:
        """
        Delete a znode of any version.
        """
        self._ask(_DELETE, text(path) + _INT.pack(-1), answered)

    def children(self, path: str, answered: Answered) -> None:
        """
        Ask for the children of a znode, and watch them.
        """
        self._ask(_GET_CHILDREN, text(path) + b"\x01", answered)

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # it is TCP
        self.sendString(_CONNECT.pack(0, 0, _TIMEOUT_MS, 0, 16, b"", 0))

    def stringReceived(self, string: bytes) -> None:  # noqa: N802 - it is Twisted's
        if not self._is_open:
            self._is_open = True
            self._ping()
            self._opened(self)
            return
        xid, _, error = _REPLY.unpack_from(string)
        body = string[_REPLY.size :]
        if xid == _XID_EVENT:
            (length,) = _INT.unpack_from(body, _EVENT.size)
            begin = _EVENT.size + _INT.size
            self._changed(body[begin : begin + length].decode())
        elif xid != _XID_PING:
            self._waiting.pop(xid)(error, body)

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        self._is_open = False
        self._lost(str(reason.value))

    def _ask(self, kind: int, body: bytes, answered: Answered) -> None:
        self._xid += 1
        self._waiting[self._xid] = answered
        self.sendString(_HEADER.pack(self._xid, kind) + body)

    def _ping(self) -> None:
        if self._is_open:
            self.sendString(_HEADER.pack(_XID_PING, _PING))
            self._clock.callLater(_TIMEOUT_MS / 3000, self._ping)
