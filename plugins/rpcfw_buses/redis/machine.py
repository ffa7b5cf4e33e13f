"""
A client of Redis that publishes and subscribes, without I/O.

With version 3 of the protocol (RESP3: Redis 6 and later) one connection does both: messages are
pushes between the replies. HELLO, every SUBSCRIBE and a PING are sent together. The server
processes them in order, so its PONG says that the subscriptions are in effect.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rpcfw.printable import printable
from rpcfw_buses.broker.machine import (
    BrokerError,
    BrokerListener,
    BrokerMachine,
    Login,
    check_subject,
)
from rpcfw_buses.redis.reader import RESPError, RESPReader

__all__ = ["RedisMachine"]

#: Characters of the server's text that are shown.
_MAX_TEXT = 200
#: What the name of a connection may not have.
_NOT_IN_NAMES = re.compile(r"[^\w.-]", re.ASCII)


class RedisMachine(BrokerMachine):
    """
    The client's side of one connection.
    """

    def __init__(self, login: Login, listener: BrokerListener, max_message_bytes: int) -> None:
        super().__init__(login, listener, max_message_bytes)
        self._greeted = False
        self._subscribed: set[str] = set()
        self._reader = RESPReader(self._message, self._reply, listener.skipped, max_message_bytes)

    def begin(self) -> None:
        login, hello = self.login, ["HELLO", "3"]
        if login.secret:
            hello += ["AUTH", login.user or "default", login.secret]
        if login.name:
            hello += ["SETNAME", _NOT_IN_NAMES.sub("-", login.name)]
        self.send(_command(*hello))
        for subject in self.listener.subjects:
            self.subscribe(subject)
        self.send_ping(_command("PING"))

    def receive(self, data: bytes) -> None:
        self._reader.receive(data)

    def encode(self, subject: str, message: bytes) -> bytes:
        return b"%b$%d\r\n%b\r\n" % (_publish(subject), len(message), message)

    def subscribe(self, subject: str) -> None:
        if subject not in self._subscribed:
            self._subscribed.add(subject)
            self.send(_command("SUBSCRIBE", subject))

    def unsubscribe(self, subject: str) -> None:
        if subject in self._subscribed:
            self._subscribed.discard(subject)
            self.send(_command("UNSUBSCRIBE", subject))

    def ping(self) -> None:
        # The answer also says whether the server is still the master.
        self.send_ping(_command("HELLO"))

    def _message(self, channel: bytes, payload: bytes) -> None:
        if not self._greeted:
            raise BrokerError("a message arrived before the connection was accepted")
        self.listener.deliver(channel.decode("utf-8", "replace"), payload)

    def _reply(self, reply: Any) -> None:
        if isinstance(reply, RESPError):
            self._error(printable(reply)[:_MAX_TEXT])
        elif not self._greeted:
            self._greeting(reply)
        elif reply == "PONG":
            self.ponged()
        elif isinstance(reply, list) and (known := _known(reply)):
            _check_role(known)
            self.ponged()
        # Else it counts who received a message, or says that a channel is subscribed to.

    def _error(self, text: str) -> None:
        if not self._greeted and "unknown command" in text:
            raise BrokerError(f"the server is older than Redis 6: {text}")
        self.refused(text)

    def _greeting(self, reply: Any) -> None:
        """
        Take the reply to HELLO: a map.
        """
        if not isinstance(reply, list):
            raise BrokerError(f"expected a reply to HELLO, got {reply!r:.40}")
        known = _known(reply)
        if known.get(b"proto") != 3:
            raise BrokerError(f"expected version 3 of the protocol, got {known.get(b'proto')!r}")
        _check_role(known)
        self._greeted = True


_USED = (b"mode", b"proto", b"role")


def _known(reply: list[Any]) -> dict[bytes, Any]:
    """
    Return what is used of a reply to HELLO; empty if it is another reply.
    """
    pairs = iter(reply)
    return {key: value for key, value in zip(pairs, pairs, strict=False) if key in _USED}


def _check_role(known: dict[bytes, Any]) -> None:
    if known.get(b"role") == b"replica" and known.get(b"mode") != b"cluster":
        # What is published there reaches nobody at the master.
        raise BrokerError("the server is a replica; the address of the master is needed")


@lru_cache(maxsize=256)
def _publish(subject: str) -> bytes:
    """
    Return how a PUBLISH of a subject begins.
    """
    check_subject(subject)
    return b"*3\r\n$7\r\nPUBLISH\r\n" + _argument(subject)


def _command(*arguments: str) -> bytes:
    return b"*%d\r\n%b" % (len(arguments), b"".join(map(_argument, arguments)))


def _argument(text: str) -> bytes:
    encoded = text.encode()
    return b"$%d\r\n%b\r\n" % (len(encoded), encoded)
