"""
What a node says of itself: a watch of gRPC's health service (grpc.health.v1, proposal A17).

The two messages are so small that they are written and read here. So the watch needs no package
for Protobuf, and works on each wire.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.errors import CallError
from rpcfw.spi.events import MessageReceived, RequestHead
from rpcfw.status import Status
from rpcfw.transport.connection.driver import Driver, Listener

__all__ = ["ServingWatch", "is_serving"]

_PATH = "grpc.health.v1.Health/Watch"
#: The first fields of the messages: ``string service = 1`` and ``ServingStatus status = 1``.
_SERVICE, _STATUS = b"\x0a", b"\x08"
_SERVING = 1
_CONTINUES = 0x80


class ServingWatch(Listener):
    """
    One watch, on one connection.

    Args:
        driver: the connection.
        service: the name that is asked for.
        found: called with each answer: whether the node serves it.
    """

    def __init__(self, driver: Driver, service: str, found: Callable[[bool], None]) -> None:
        #: Whether it has ended.
        self.over = False
        self.driver = driver
        #: The node has no such service, and need not be asked again.
        self.refused = False
        self._found = found
        self._id = -1
        try:
            self._id = driver.request(RequestHead(_PATH, "protobuf"), _request(service), "", self)
        except CallError:
            self.over = True

    def cancel(self) -> None:
        """
        End it.
        """
        if not self.over:
            self.over = True
            self.driver.cancel(self._id)

    def message(self, event: MessageReceived) -> None:
        self.driver.consumed(event.call_id, event.cost, len(event.body))
        if not event.encoding:
            self._found(is_serving(event.body))

    def lost(self, error: CallError) -> None:
        if not self.over:
            self.over = True
            self.refused = error.status is Status.UNIMPLEMENTED


def is_serving(body: bytes) -> bool:
    """
    Read a HealthCheckResponse: whether its status is SERVING.

    The status is the only field, so it is the first; a newer version may have others after it.
    """
    return body[:1] == _STATUS and body[1:2] == bytes((_SERVING,))


def _request(service: str) -> bytes:
    """
    Return a HealthCheckRequest.
    """
    name = service.encode()
    size, left = b"", len(name)
    while left >= _CONTINUES:
        size += bytes((left % _CONTINUES + _CONTINUES,))
        left //= _CONTINUES
    return _SERVICE + size + bytes((left,)) + name if name else b""
