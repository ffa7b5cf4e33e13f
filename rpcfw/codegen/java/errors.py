"""
What is wrong with a definition.
"""

from __future__ import annotations

from rpcfw.errors import SetupError

__all__ = ["DefinitionError"]


class DefinitionError(SetupError):
    """
    A definition cannot be read, or describes what Java does not allow. Says where.
    """
