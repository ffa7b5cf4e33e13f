"""
Access at a client: a call that its application may not make is refused before it is sent.

This protects nobody: a server must refuse such calls itself, with the filter of the same
name. The router makes the mistake visible early, and keeps the load off the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.router import Reasons, Router
from rpcfw.spi.runtime.local_address import local_host
from rpcfw.values.call import Call
from rpcfw_routers.access_rules import AccessOptions

__all__ = ["AccessRouter"]


@options
class AccessRouterOptions(AccessOptions):
    """
    What the INI may say.
    """

    host: str = option("", "host of this process in the rules; empty: the system is asked")


class AccessRouter(Router):
    """
    Leaves all instances, or none if the rules refuse the call to this application or its host.
    """

    Options: ClassVar[type] = AccessRouterOptions

    def __init__(self, options: AccessRouterOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        application = (plugin_context.application,)
        self._host = options.host
        readers = {"application": lambda call: application, "host": lambda call: (self._host,)}
        self._rules = options.followed(readers, plugin_context)

    async def start(self) -> None:
        self._host = self.options.host or local_host()
        self._rules()

    def key(self, call: Call) -> bool:
        return bool(self._rules().refusal(call))

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return () if self.key(call) else candidates

    def refusal(self, call: Call) -> str:
        reason = self._rules().refusal(call)
        return f"this application may not call {call.method.path}: {reason}" if reason else ""

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        return Reasons(self._rules().refusal(call) or "allowed")
