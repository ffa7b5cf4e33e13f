"""
The native protocol as a plugin.
"""

from __future__ import annotations

from rpcfw.spi.http1_refusal import http1_refusal
from rpcfw.spi.machine import ClientSide, Limits, ServerSide
from rpcfw.spi.protocol import Match, WireProtocol
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.frames import MAGIC
from rpcfw.wire.server import ServerMachine

__all__ = ["NativeProtocol"]

_FIRST_BYTES = MAGIC.to_bytes(2, "big")


class NativeProtocol(WireProtocol):
    """
    rpcfw's own protocol, specified in ``docs/wire.md``.
    """

    name = "native"
    alpn = "rpcfw"

    def match(self, data: bytes) -> Match:
        head = data[:2]
        if head == _FIRST_BYTES:
            return Match.YES
        return Match.MORE if _FIRST_BYTES.startswith(head) else Match.NO

    def refusal(self, data: bytes, reason: str) -> bytes | Match:
        return http1_refusal(data, reason)

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        context = self.plugin_context
        return ServerMachine(limits, accepts, context.application, context.load.report)

    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        *,
        authority: str = "",
        secure: bool = False,
    ) -> ClientSide:
        return ClientMachine(limits, accepts, self.plugin_context.application)
