"""
What a user of the console may do.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Role", "role_named"]


class Role(IntEnum):
    """
    Each may do what those before it may do.
    """

    #: Looks at everything but the audit trail.
    VIEWER = 1
    #: Calls methods, and changes instances and rules of services.
    OPERATOR = 2
    #: Changes rules of whole applications, and reads the audit trail.
    ADMIN = 3

    def __str__(self) -> str:
        return self.name.lower()


def role_named(name: str) -> Role:
    """
    Return a role by its name.

    Raises:
        ValueError: there is none.
    """
    for role in Role:
        if str(role) == name:
            return role
    raise ValueError(f"expected one of {', '.join(map(str, Role))}; got {name!r}")
