"""
What the consumers and those who watch them have in common.
"""

from __future__ import annotations

#: The service that the rules are for. Nobody serves it.
SERVICE = "demo.Shop"


def document(timeout_s: int) -> str:
    """
    Return a document that a consumer is seen to have put in use.
    """
    return f"[client]\ntimeout = {timeout_s}s\n"
