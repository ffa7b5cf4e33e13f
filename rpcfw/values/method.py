"""
What is known of a method before it is called.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from attrs import field, frozen

__all__ = ["Method", "Shape"]


class Shape(Enum):
    """
    The four shapes of a call: which side sends one message, which a stream.
    """

    UNARY = "unary"
    SERVER_STREAM = "server-stream"
    CLIENT_STREAM = "client-stream"
    BIDI_STREAM = "bidi-stream"

    @property
    def client_streams(self) -> bool:
        return self in (Shape.CLIENT_STREAM, Shape.BIDI_STREAM)

    @property
    def server_streams(self) -> bool:
        return self in (Shape.SERVER_STREAM, Shape.BIDI_STREAM)


@frozen(eq=False)
class Method:
    """
    One method of a service. Made once; compared by identity.

    Args:
        service: full name, as ``demo.Greeter``.
        name: as ``say``.
        shape: which sides stream.
        request_type: what a codec reads and writes a request as.
        response_type: likewise for a response.
        codec: the codec that clients use: ``protobuf``, ``json``, ``raw``.
        idempotent: repeating it does no harm.
        one_way: the client waits for no answer and none is sent.
        timeout_s: the method's own default time limit.
        codecs: the only codecs that a server takes; empty for each codec in use there
            that can carry the types.
    """

    service: str
    name: str
    shape: Shape
    request_type: Any
    response_type: Any
    codec: str
    idempotent: bool = False
    one_way: bool = False
    timeout_s: float | None = None
    codecs: tuple[str, ...] = ()
    path: str = field(init=False)
    unary: bool = field(init=False)
    server_streams: bool = field(init=False)

    def __attrs_post_init__(self) -> None:
        # Looked at on every call, so they are attributes and not properties.
        object.__setattr__(self, "path", f"{self.service}/{self.name}")
        object.__setattr__(self, "unary", self.shape is Shape.UNARY)
        object.__setattr__(self, "server_streams", self.shape.server_streams)
