"""
The connection to a registry server, and its methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service_class import offered
from rpcfw.status import Status
from rpcfw.values.address import Address
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw_registries.remote.failover import Failover
from rpcfw_registries.standalone.node.service import RegistryNode

__all__ = ["ANNOUNCE", "CALL_S", "FINAL", "RENEW", "SERVICES", "WATCH", "WITHDRAW", "Session"]

_METHODS = {one.attribute: one.method for one in offered(RegistryNode)}
ANNOUNCE = _METHODS["announce"]
RENEW = _METHODS["renew"]
SERVICES = _METHODS["services"]
WATCH = _METHODS["watch"]
WITHDRAW = _METHODS["withdraw"]

#: The time that a server has to answer.
CALL_S = 3.0

#: What stays refused until a person changes something.
FINAL = (Status.PERMISSION_DENIED, Status.UNAUTHENTICATED, Status.INVALID_ARGUMENT)

_AWAY = (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.CANCELLED, Status.UNIMPLEMENTED)


class Session(Failover[Channel]):
    """
    The connection to a server.

    Args:
        lost: see `Failover`.
        max_silence_s: a server from which nothing comes for this time is given up.
        returns: it goes back to its first server; see `Failover`.
    """

    def __init__(
        self,
        addresses: tuple[Address, ...],
        max_s: float,
        plugin_context: PluginContext,
        lost: Callable[[], None],
        max_silence_s: float,
        returns: bool,
    ) -> None:
        def open_channel(address: Address) -> Channel:
            return plugin_context.open_channel(
                address, "native", service=RegistryNode.service_name, max_silence_s=max_silence_s
            )

        async def check(channel: Channel) -> None:
            # Renews nothing: the cheapest request that every client may make.
            request = RENEW.request_type(owner="-", lease_s=0.0, keys=[])
            await channel.call(RENEW, request, CallOptions(CALL_S))

        what = "the registry server"
        super().__init__(
            addresses,
            open_channel,
            what,
            _AWAY,
            max_s,
            plugin_context,
            lost,
            check if returns else None,
        )

    async def call(self, method: Method, /, timeout_s: float = CALL_S, **arguments: Any) -> Any:
        """
        Call the server, at once.

        Raises:
            CallError: it did not answer, or refused.
        """
        channel = self.channel()
        try:
            request = method.request_type(**arguments)
            reply = await channel.call(method, request, CallOptions(timeout_s))
        except CallError as error:
            self.failed(channel, error)
            raise self.cause(channel, error)  # noqa: B904  # as the error itself mostly is
        self.answered(channel)
        return reply
