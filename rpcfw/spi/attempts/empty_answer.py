"""
The answer of a call whose failure is hidden from its caller.
"""

from __future__ import annotations

from typing import Any

from rpcfw.values.method import Method

__all__ = ["empty_answer"]


def empty_answer(method: Method) -> Any:
    """
    Return an empty message if the method answers with protobuf's, or None.
    """
    kind = method.response_type
    return kind() if hasattr(kind, "DESCRIPTOR") and not method.one_way else None
