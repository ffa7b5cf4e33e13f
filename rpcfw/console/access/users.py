"""
The file of users: a line for each, ``NAME:ROLE:HASH``, with an argon2 hash of the password.

A user without a hash cannot log in with a password, but may be named by a trusted proxy.
"""

from __future__ import annotations

from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from attrs import frozen

from rpcfw.console.access.roles import Role, role_named
from rpcfw.errors import SettingsError
from rpcfw.spi.runtime.files import read_regular
from rpcfw.values.instance import text_problem

__all__ = ["MAX_NAME_CHARS", "MAX_PASSWORD_CHARS", "User", "Users", "read_users", "user_line"]

#: Of a file of users.
_MAX_BYTES = 1 << 20
MAX_PASSWORD_CHARS = 512
MAX_NAME_CHARS = 64


@frozen
class User:
    """
    One user.

    Args:
        hash: of the password, as argon2 writes it; empty: there is none.
    """

    name: str
    role: Role
    hash: str = ""


class Users:
    """
    All users, by name.

    Args:
        hasher: tests have one that is fast.
    """

    def __init__(self, users: dict[str, User], hasher: PasswordHasher | None = None) -> None:
        self._users = users
        self._hasher = hasher or PasswordHasher()
        #: Checked where there is no such user, so that this takes as long.
        self._nobody = self._hasher.hash("nobody")

    @property
    def has_passwords(self) -> bool:
        """
        Whether anybody can log in with a password.
        """
        return any(each.hash for each in self._users.values())

    def find(self, name: str) -> User | None:
        """
        Return a user by name.
        """
        return self._users.get(name)

    def verified(self, name: str, password: str) -> User | None:
        """
        Return the user with this name and password; None if there is none.

        It takes long, on purpose: run it in a thread.
        """
        user = self._users.get(name)
        known = user is not None and bool(user.hash)
        try:
            self._hasher.verify(user.hash if user and known else self._nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        return user if known else None


def read_users(path: Path, hasher: PasswordHasher | None = None) -> Users:
    """
    Read a file of users.

    Raises:
        SettingsError: it cannot be read, or has a mistake; each is named with its line.
    """
    try:
        text = read_regular(path, _MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    users: dict[str, User] = {}
    mistakes = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            user = _read(line.strip())
            if user.name in users:
                raise ValueError(f"{user.name!r} is there twice")
            users[user.name] = user
        except ValueError as error:
            mistakes.append(f"{path}:{number}: {error}")
    if mistakes:
        raise SettingsError(*mistakes)
    return Users(users, hasher)


def _read(line: str) -> User:
    name, _, rest = line.partition(":")
    role, _, hashed = rest.partition(":")
    check_user_name(name)
    if hashed and not hashed.startswith("$argon2"):
        raise ValueError("expected NAME:ROLE:HASH with a hash from rpcfw console password")
    return User(name, role_named(role), hashed)


def check_user_name(name: str) -> None:
    """
    See that a name can be one of a user.

    Raises:
        ValueError: it cannot.
    """
    if not name or ":" in name:
        raise ValueError(f"expected the name of a user, without a colon; got {name!r}")
    if problem := text_problem(name, MAX_NAME_CHARS):
        raise ValueError(f"the name of a user {problem}")


def user_line(name: str, role: Role, password: str, hasher: PasswordHasher | None = None) -> str:
    """
    Return the line of a user for the file.
    """
    return f"{name}:{role}:{(hasher or PasswordHasher()).hash(password)}"
