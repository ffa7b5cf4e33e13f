"""
What a server serves, as its protocols see it.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from rpcfw.values.method import Method

__all__ = ["Served"]


@frozen(eq=False)
class Served:
    """
    What a server serves, for protocols that must know it: to decode arguments, or to list methods.

    Args:
        methods: by path. Services come and go, so it changes; nobody but the server changes it.
        group: ``[server] group``.
        version: ``[server] version``.
    """

    methods: Mapping[str, Method]
    group: str = ""
    version: str = ""
