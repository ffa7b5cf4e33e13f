"""
The file of users: a line for each, ``NAME:ROLE:HASH``, with an argon2 hash of the password.

A user without a hash cannot log in with a password, but may be named by a trusted proxy.

The file is followed: whoever is removed from it has no access at the next request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from attrs import frozen

from rpcfw.console.access.roles import Role, role_named
from rpcfw.errors import SettingsError
from rpcfw.spi.runtime.followed_file import FollowedFile
from rpcfw.values.instance import text_problem

__all__ = [
    "MAX_NAME_CHARS",
    "MAX_PASSWORD_CHARS",
    "User",
    "UserFile",
    "Users",
    "user_file",
    "user_line",
    "users_in",
]

MAX_PASSWORD_CHARS = 512
MAX_NAME_CHARS = 64

#: What a hash may ask of each attempt to log in: 1 GiB of memory, in KiB, and passes over it.
_MAX_MEMORY_KIB = 1 << 20
_MAX_PASSES = 100
#: Bytes of a hash, as tools make them. Another length is that of a hash that was cut.
_HASH_BYTES = (16, 24, 32, 64)
#: The salt and the hash, in base64 without padding.
_ENDING = re.compile(r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]+\Z")


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
        current: returns those that there are now.
        hasher: tests have one that is fast.
    """

    def __init__(
        self, current: Callable[[], Mapping[str, User]], hasher: PasswordHasher | None = None
    ) -> None:
        self._current = current
        self._hasher = hasher or PasswordHasher()
        #: Checked where there is no such user, so that this takes as long.
        self._nobody = self._hasher.hash("nobody")

    def find(self, name: str) -> User | None:
        """
        Return a user by name.
        """
        return self._current().get(name)

    def has_password(self, user: User | None, password: str) -> bool:
        """
        Tell whether this is the password of a user.

        It takes long, on purpose, also if there is no such user: run it in a thread.
        """
        hashed = user.hash if user is not None else ""
        try:
            self._hasher.verify(hashed or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return bool(hashed)


#: A file of users that is read again when it has changed.
UserFile = FollowedFile[Mapping[str, User]]


def user_file(
    path: Path,
    seconds: Callable[[], float],
    time_of_day: Callable[[], float],
    *,
    passwords: bool,
) -> UserFile:
    """
    Return a file of users that is followed.

    Args:
        passwords: users log in with them, so that somebody has to have one.
    """
    return FollowedFile(path, partial(users_in, path, passwords=passwords), seconds, time_of_day)


def users_in(path: Path, content: bytes, *, passwords: bool) -> Mapping[str, User]:
    """
    Read a file of users.

    Raises:
        SettingsError: it has a mistake; each is named with its line.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: expected UTF-8: {error.reason}") from None
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
    if passwords and not any(each.hash for each in users.values()):
        raise SettingsError(
            f"{path}: expected at least one user with a password; "
            f"add one: rpcfw console password NAME ROLE >> {path}"
        )
    return users


def _read(line: str) -> User:
    name, _, rest = line.partition(":")
    role, _, hashed = rest.partition(":")
    check_user_name(name)
    # A hash at another place is not quoted: what is wrong with a new file stands in the log.
    if (hashed and not hashed.startswith("$argon2")) or role.startswith("$"):
        raise ValueError("expected NAME:ROLE:HASH with a hash from rpcfw console password")
    if hashed:
        _check_hash(hashed)
    return User(name, role_named(role), hashed)


def _check_hash(hashed: str) -> None:
    """
    See that a hash can be checked: with a wrong one nobody logs in, and no log says why.

    Raises:
        ValueError: it cannot, or takes too much.
    """
    wrong = "the hash is not whole: make the line again with rpcfw console password"
    try:
        asked = extract_parameters(hashed)
    except InvalidHashError:
        raise ValueError(wrong) from None
    if asked.hash_len not in _HASH_BYTES or not _ENDING.search(hashed):
        raise ValueError(wrong)
    if asked.memory_cost > _MAX_MEMORY_KIB or asked.time_cost > _MAX_PASSES:
        raise ValueError(
            f"expected a hash with m={_MAX_MEMORY_KIB} and t={_MAX_PASSES} at most; "
            f"got m={asked.memory_cost} and t={asked.time_cost}"
        )


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
