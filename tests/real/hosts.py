"""
Where a process of a test runs: on this host, or on one of a network that the test has made.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

__all__ = ["THIS_HOST", "Host"]


@frozen
class Host:
    """
    A host.

    Args:
        address: where its servers listen.
        enter: what a command is begun with to run there.
    """

    address: str = "127.0.0.1"
    enter: Sequence[str] = ()


THIS_HOST = Host()
