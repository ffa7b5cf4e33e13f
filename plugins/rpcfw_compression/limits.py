"""
The one sentence that both say when a message unpacks to too much.
"""

from __future__ import annotations

from rpcfw.errors import MessageTooLarge

__all__ = ["too_large"]


def too_large(name: str, limit_bytes: int) -> MessageTooLarge:
    """
    Return the error for data that unpacks to more than ``limit_bytes``.
    """
    return MessageTooLarge(
        f"a {name} message unpacks to more than the {limit_bytes} bytes that "
        "max_receive_bytes allows; unpacking was stopped there"
    )
