"""
gRPC as a wire protocol: chosen by name, by ALPN, or by HTTP/2's first bytes.

What needs a clock is the driver's: when to ping and how long to wait for the
answer, how old or idle a connection may grow, how long to wait after `drain`, and
whether a peer pings too often for the clock: it gets each `PingReceived`, and then
calls ``fail("too_many_pings")``. GOAWAY with this debug data makes gRPC's clients ping less.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.http1_refusal import http1_refusal
from rpcfw.spi.machine import ClientSide, Limits, ServerSide
from rpcfw.spi.protocol import Match, WireProtocol
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2.frames import PREFACE
from rpcfw_grpc.server import ServerMachine

__all__ = ["GRPCProtocol"]


class GRPCProtocol(WireProtocol):
    """
    gRPC over HTTP/2, with TLS or with prior knowledge.
    """

    name: ClassVar[str] = "grpc"
    alpn: ClassVar[str] = "h2"
    text_errors: ClassVar[bool] = False
    #: The least time between PING frames that a gRPC server tolerates by default.
    keepalive_floor_s: ClassVar[float] = 300.0

    def match(self, data: bytes) -> Match:
        size = len(PREFACE)
        if data[:size] != PREFACE[: len(data)]:
            return Match.NO
        return Match.YES if len(data) >= size else Match.MORE

    def refusal(self, data: bytes, reason: str) -> bytes | Match:
        return http1_refusal(data, reason)

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        return ServerMachine(limits, accepts)

    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        *,
        authority: str = "",
        secure: bool = False,
    ) -> ClientSide:
        scheme = "https" if secure else "http"
        caller = self.plugin_context.application
        return ClientMachine(limits, accepts, authority or "localhost", scheme, caller)
