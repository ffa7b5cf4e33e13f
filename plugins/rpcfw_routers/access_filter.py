"""
Access at a server: calls that the rules refuse fail with PERMISSION_DENIED.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfw.errors import PermissionDenied
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.call import Call
from rpcfw.values.peer_host import host_of
from rpcfw_routers.access_rules import AccessOptions, AccessRules

__all__ = ["AccessFilter"]


class AccessFilter(Filter):
    """
    Refuses calls by the application and the host that they come from.

    The name of the application is what the caller sends. It keeps honest callers apart; who
    could lie is kept off by hosts, or by TLS with client certificates.
    """

    Options: ClassVar[type] = AccessOptions

    def __init__(self, options: AccessOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._rules = AccessRules(options)

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        if self._rules.are_for(call):
            refused = self._rules.refusal(call.caller, host_of(call.peer))
            if refused:
                raise PermissionDenied(
                    f"{refused} may not call {call.method.path}; see [filter access] of the server"
                )
        return await proceed(call)
