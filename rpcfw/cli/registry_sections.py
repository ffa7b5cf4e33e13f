"""
The sections that only ``rpcfw registry`` reads: ``[node]`` and ``[bus]``.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.settings import Sources
from rpcfw.spi.bus import Bus
from rpcfw_registries.standalone.node.options import NodeOptions

__all__ = ["RegistrySections", "read_registry_sections"]


@frozen
class RegistrySections:
    """
    What they say.

    Args:
        bus: what joins the server with others; None: it is alone.
    """

    node: NodeOptions
    bus: Chosen[Bus] | None


def read_registry_sections(sources: Sources) -> RegistrySections:
    """
    Claim and read them. Mistakes are noted in the sources.
    """
    bus = Chooser(sources).one("rpcfw.buses", Bus, "bus")  # type: ignore[type-abstract]  # a seam
    node = sources.section("node", NodeOptions)
    if node.snapshot is not None and bus is None:
        sources.blame("node", "snapshot", "is only for a server with a [bus]: set [bus] plugin")
    return RegistrySections(node, bus)
