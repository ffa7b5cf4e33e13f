"""
How long a registry server of a group waits for the others.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["Times"]


@frozen
class Times:
    """
    How long a replica waits, in seconds.

    Args:
        digest_s: between two digests.
        lost_after_s: until what a silent node kept is removed.
        forget_after_s: until a removal is forgotten.
    """

    digest_s: float = 5.0
    lost_after_s: float = 180.0
    forget_after_s: float = 600.0
