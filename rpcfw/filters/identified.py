"""
Refuses the calls of those who have not proved who they are.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from rpcfw.errors import Unauthenticated
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.status import Hint
from rpcfw.values.call import Call

__all__ = ["Identified"]


class Identified(Filter):
    """
    Lets calls with an identity pass, and calls of the methods that are for everybody.

    Args:
        plugin_context: of the process.
        open_methods: these, as ``demo.Shop/get`` or ``demo.Shop/*``.
    """

    def __init__(self, plugin_context: PluginContext, open_methods: Iterable[str] = ()) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._open = frozenset(open_methods)

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        def step(call: Call) -> Coroutine[Any, Any, Any]:
            if not call.identity.names and not self._is_open(call):
                return _refuse(call)
            return proceed(call)

        return step

    def _is_open(self, call: Call) -> bool:
        method = call.method
        return method.path in self._open or f"{method.service}/*" in self._open


async def _refuse(call: Call) -> Any:
    raise Unauthenticated(
        f"{call.method.path} is for callers that prove who they are, and this call has no "
        "credentials",
        hints=Hint.FINAL,
    )
