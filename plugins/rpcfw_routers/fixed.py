"""
Fixed address: a call goes to the one instance that it names.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.router import Reasons, Router
from rpcfw.values.call import Call
from rpcfw_routers.targets import addresses_of

__all__ = ["FixedRouter"]


@options
class FixedOptions:
    """
    What the INI may say.
    """

    metadata: str = option("rpcfw-address", "name of the metadata that has the address")
    address: str = option("", "address for the calls whose metadata has none; empty: any")
    force: bool = option("true", "no: use all instances if none is at the address")


class FixedRouter(Router):
    """
    Leaves the instance whose address or id is in the metadata of the call.

    An address is ``tcp:10.0.0.7:2210``, or ``10.0.0.7:2210``. It must be one that the
    registry has: metadata may come from a caller further up, who must not choose what this
    process connects to.
    """

    Options: ClassVar[type] = FixedOptions

    def __init__(self, options: FixedOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._name = options.metadata.lower()
        self._default = options.address
        self._force = options.force

    def key(self, call: Call) -> Hashable:
        return call.metadata.get(self._name, self._default)

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        wanted = self.key(call)
        if wanted == "":
            return candidates
        found = _at(wanted, candidates)
        return found if found or self._force else candidates

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        wanted = self.key(call)
        if wanted == "":
            return Reasons("the call names no address")
        missing = "" if _at(wanted, candidates) else ", where no instance is"
        return Reasons(f"the call names {wanted!r}{missing}")


def _at(wanted: Hashable, candidates: Sequence[Candidate]) -> list[Candidate]:
    """
    Return the candidates with this id or address.
    """
    return [
        one
        for one in candidates
        if wanted == one.instance.id or wanted in addresses_of(one.instance)
    ]
