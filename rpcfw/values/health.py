"""
Whether something serves, as it is reported to peers.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["Health"]


class Health(Enum):
    """
    The three answers to "do you serve?". The names are those of grpc.health.v1.
    """

    #: Not known yet.
    UNKNOWN = "unknown"
    SERVING = "serving"
    #: It is there, and calls of it are unwelcome: it is ill, or going.
    NOT_SERVING = "not serving"
