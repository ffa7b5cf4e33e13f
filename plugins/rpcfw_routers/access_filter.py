"""
Access at a server: calls that the rules refuse fail with PERMISSION_DENIED.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from twisted.logger import Logger

from rpcfw.errors import PermissionDenied
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.options import options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.status import Hint
from rpcfw.values.call import Call
from rpcfw.values.peer_host import host_of
from rpcfw_routers.access_rules import AccessOptions, Read

__all__ = ["AccessFilter"]

_READERS: Final[Mapping[str, Read]] = {
    "application": lambda call: (call.caller,),
    "host": lambda call: (host_of(call.peer),),
    "identity": lambda call: call.identity.names,
}


@options
class AccessFilterOptions(AccessOptions):
    """
    What the INI may say.
    """

    FIELDS: ClassVar[tuple[str, ...]] = (*AccessOptions.FIELDS, "identity")


class AccessRefused(Exception):
    """
    Why a call was refused: for the log, not for the peer.
    """


class AccessFilter(Filter):
    """
    Refuses calls by rules on method, identity, application, host and metadata.

    Identity and host are known for sure. The name of the application and the metadata are what
    the caller sends: they keep honest callers apart.
    """

    Options: ClassVar[type] = AccessFilterOptions
    needs_identity: ClassVar[bool] = True
    protects: ClassVar[bool] = True
    log = Logger()

    def __init__(self, options: AccessFilterOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        seconds = plugin_context.clock.seconds
        self._rules = options.followed(_READERS, plugin_context)
        self._log = LimitedLog(self.log, seconds)
        self._refused = plugin_context.meter.counter(
            "rpcfw_access_refused_total", "calls that the rules refused", "service", "method"
        )

    async def start(self) -> None:
        self._rules()

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        reason = self._rules().refusal(call)
        if reason:
            raise self._refusal(call, reason) from AccessRefused(reason)
        return await proceed(call)

    def _refusal(self, call: Call, reason: str) -> PermissionDenied:
        method = call.method
        self._refused.of(method.service, method.name).value += 1
        self._log.warn_of(
            "refused",
            "[filter access] refuses a call of {method} by {identity}, application {caller!r}, "
            "from {peer}: {reason}",
            method=method.path,
            identity=str(call.identity),
            caller=call.caller[:100],
            peer=call.peer,
            reason=reason,
        )
        return PermissionDenied(f"this caller may not call {method.path}", hints=Hint.FINAL)
