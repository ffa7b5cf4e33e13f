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
from rpcfw_routers.access_rules import AccessOptions, AccessRules

__all__ = ["AccessRouter"]


@options
class AccessRouterOptions(AccessOptions):
    """
    What the INI may say.
    """

    host: str = option("", "host of this process in the rules; empty: the system is asked")


class AccessRouter(Router):
    """
    Leaves all instances, or none if the rules refuse this application or its host.
    """

    Options: ClassVar[type] = AccessRouterOptions

    def __init__(self, options: AccessRouterOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._rules = AccessRules(options)
        self._refusal = self._find_refusal(options.host)

    async def start(self) -> None:
        self._refusal = self._find_refusal(self.options.host or local_host())

    def key(self, call: Call) -> bool:
        return bool(self._refusal) and self._rules.are_for(call)

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return () if self.key(call) else candidates

    def refusal(self, call: Call) -> str:
        return f"{self._refusal} may not call it" if self.key(call) else ""

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        if not self._rules.are_for(call):
            return Reasons(f"no rules for {call.method.name}")
        return Reasons(self.refusal(call) or "allowed")

    def _find_refusal(self, host: str) -> str:
        return self._rules.refusal(self.plugin_context.application, host)
