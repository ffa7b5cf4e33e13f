"""
Checks passwords in threads, as often and as many at a time as the limits allow.
"""

from __future__ import annotations

from typing import Any

from rpcfw.console.access.attempts import LoginAttempts
from rpcfw.console.access.users import User, Users
from rpcfw.spi.runtime.clock import Threads
from rpcfw.spi.runtime.waiting import Waiter

__all__ = ["PasswordChecks"]


class PasswordChecks:
    """
    Checks passwords.
    """

    def __init__(self, users: Users, attempts: LoginAttempts, threads: Threads) -> None:
        self._users = users
        self._attempts = attempts
        self._threads = threads

    def refused(self, name: str, address: str) -> bool:
        """
        Tell whether an attempt is one too many. Otherwise `verified` has to follow.
        """
        return self._attempts.refused(name, address)

    async def verified(self, name: str, password: str, address: str) -> User | None:
        """
        Return the user with this name and password; None if there is none.
        """
        user = self._users.find(name)
        done = Waiter[bool]()

        def ended(found: Any) -> None:
            # Not as the browser goes: a thread that has begun cannot be stopped, and its memory
            # is taken until it ends.
            self._attempts.ended(name, address, succeeded=found is True)
            if not done.called:
                done.callback(found)

        self._threads.call(self._users.has_password, user, password).addBoth(ended)
        right = await done
        # The file may have been read again meanwhile.
        return user if right and self._users.find(name) == user else None
