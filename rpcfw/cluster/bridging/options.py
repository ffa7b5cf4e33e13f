"""
What a bridge mirrors.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["BridgeOptions"]


@frozen
class BridgeOptions:
    """
    What a bridge mirrors, and how much at most.

    Args:
        services: names; empty: all that are in one of the registries.
        one_way: nothing is written to the first registry.
        max_services: so many are mirrored at most.
        max_instances: so many are mirrored in each registry at most.
        interval_s: how often the registries are asked which services there are.
    """

    services: tuple[str, ...] = ()
    one_way: bool = False
    max_services: int = 5_000
    max_instances: int = 100_000
    interval_s: float = 2.0
