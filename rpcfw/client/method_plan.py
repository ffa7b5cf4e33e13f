"""
What is known of a method's calls before they are made.
"""

from __future__ import annotations

from rpcfw.spi.codec import Coder
from rpcfw.spi.events import RequestHead
from rpcfw.transport.payload import Payload
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.method import Method

__all__ = ["MethodPlan", "MethodPlans"]

#: A program may make a method for each call, so what is kept of them is bounded.
_MAX_METHODS = 1024
#: Heads of a method, of as many timeouts.
_MAX_HEADS = 64


class MethodPlan:
    """
    How the requests of a method are written, and its responses read.

    Args:
        method: it.
        writer: writes requests.
        reader: reads responses.
    """

    __slots__ = (
        "_last",
        "codec",
        "decode",
        "encode",
        "heads",
        "metadata",
        "path",
        "reader",
        "whole",
        "writer",
    )

    def __init__(self, method: Method, writer: Coder, reader: Coder) -> None:
        self.path, self.codec = method.path, method.codec
        self.writer, self.reader = writer, reader
        #: A call is one whole request and one whole response.
        self.whole = method.unary and not method.one_way
        #: Looked up once a call less than in `writer` and `reader`.
        self.encode, self.decode = writer.encode, reader.decode
        #: By the timeout in milliseconds. Nearly all calls have one of a few, so a machine finds
        #: what it has written for such a head by the head itself.
        self.heads: dict[int, RequestHead] = {}
        #: That of the heads: none, or an object that calls share, as those do whose traces are
        #: not recorded.
        self.metadata = EMPTY
        self._last = EMPTY

    def note_other(self, metadata: Metadata) -> None:
        """
        Note the metadata of a call that has no head here. Who brings it twice, shares it.
        """
        if metadata is self._last and metadata is not self.metadata:
            self.metadata = metadata
            self.heads.clear()
        self._last = metadata

    def new_head(self, left_ms: int) -> RequestHead:
        """
        Make the head of requests with the shared metadata and this timeout, and keep it.
        """
        if len(self.heads) >= _MAX_HEADS:
            self.heads.clear()
        head = self.heads[left_ms] = RequestHead(
            self.path, self.codec, left_ms / 1000, self.metadata
        )
        return head


class MethodPlans(dict[Method, MethodPlan]):
    """
    The plans of the methods of a protocol, each made once.

    A dict, so that looking one up costs a call no more than that.

    Args:
        payload: knows the codecs.
        codec: the one codec of the protocol, empty if each method has its own.
    """

    def __init__(self, payload: Payload, codec: str = "") -> None:
        super().__init__()
        self._payload = payload
        self._codec = codec

    def __missing__(self, method: Method) -> MethodPlan:
        if len(self) >= _MAX_METHODS:
            self.clear()
        payload, codec = self._payload, self._codec or method.codec
        writer = payload.request_coder(codec, method)
        plan = self[method] = MethodPlan(method, writer, payload.coder(codec, method.response_type))
        return plan
