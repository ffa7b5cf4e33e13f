"""
Which calls may have several attempts at a time.
"""

from __future__ import annotations

from rpcfw.values.method import Method

__all__ = ["why_one_by_one"]


def why_one_by_one(method: Method, *, any_method: bool) -> str:
    """
    Return why calls of a method have one attempt at a time; empty if they may have several.

    Args:
        any_method: a method need not be idempotent.
    """
    if not method.unary:
        return "it streams"
    if method.one_way:
        return "it is one-way"
    return "" if method.idempotent or any_method else "it is not idempotent"
