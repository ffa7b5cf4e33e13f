"""
Who has access now: the users of the file, and those whom a trusted proxy names.
"""

from __future__ import annotations

from rpcfw.console.access.roles import role_named
from rpcfw.console.access.users import User, Users
from rpcfw.console.options import ConsoleOptions

__all__ = ["Accounts"]


class Accounts:
    """
    All who may use the console.

    Args:
        users: of the file.
    """

    def __init__(self, options: ConsoleOptions, users: Users) -> None:
        self._users = users
        others = bool(options.user_header) and options.proxy_role != "none"
        self._role_of_others = role_named(options.proxy_role) if others else None

    def find(self, name: str) -> User | None:
        """
        Return a user by name; None: such a user has no access.
        """
        user = self._users.find(name)
        if user is None and self._role_of_others is not None:
            return User(name, self._role_of_others)
        return user
