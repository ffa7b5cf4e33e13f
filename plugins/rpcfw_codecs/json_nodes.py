"""
Types as msgspec describes them, without what an annotation says besides.
"""

from __future__ import annotations

from msgspec import inspect

__all__ = ["bare"]


def bare(node: inspect.Type) -> inspect.Type:
    """
    Return the type itself of one with further facts, as a title or its type in Java.
    """
    while isinstance(node, inspect.Metadata):
        node = node.type
    return node
