"""
gRPC as a wire protocol: chosen by name, by ALPN, or by HTTP/2's first bytes.

What needs a clock is the driver's: when to ping and how long to wait for the
answer, how old or idle a connection may grow, how long to wait after `leave`, and
whether a peer pings too often for the clock (it then calls
``fail("too_many_pings")``, the word at which gRPC clients ping less).
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.protocol import Limits, Machine, Match, WireProtocol
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.frames import PREFACE
from rpcfw_grpc.server import ServerMachine

__all__ = ["GRPCProtocol"]


class GRPCProtocol(WireProtocol):
    """
    gRPC over HTTP/2, with TLS or with prior knowledge.
    """

    name: ClassVar[str] = "grpc"
    alpn: ClassVar[str] = "h2"

    def match(self, data: bytes) -> Match:
        size = len(PREFACE)
        if data[:size] != PREFACE[: len(data)]:
            return Match.NO
        return Match.YES if len(data) >= size else Match.MORE

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> Machine:
        return ServerMachine(limits, accepts)

    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        authority: str = "localhost",
        scheme: str = "http",
    ) -> Machine:
        """
        Return a machine for a connection that this side opened.

        Args:
            authority: host and port as the user named them; servers that serve
                several names choose by it.
            scheme: ``https`` over TLS.
        """
        return ClientMachine(limits, accepts, authority, scheme)
