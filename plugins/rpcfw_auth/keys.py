"""
The file with the secrets of signed calls.

It has one key a line::

    # ID        OWNER     SECRET, in base64, of 32 bytes or more
    shop-2026   shop      kC9v...
    shop-2027   shop      T0bq...

The owner is the name that a signature proves. All keys verify; the last one signs.
No error quotes a line.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error

from attrs import field, frozen

__all__ = ["Key", "parse_keys"]

_MIN_SECRET_BYTES = 32
_MAX_KEYS = 1000
_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}\Z")


@frozen
class Key:
    """
    One key.

    Args:
        id: names it in signatures.
        owner: whom a signature by it proves.
        secret: known to its owner and to servers.
    """

    id: str
    owner: str
    secret: bytes = field(repr=False)


def parse_keys(content: bytes) -> dict[str, Key]:
    """
    Return the keys of a file by their ids, in its order.

    Raises:
        ValueError: it is malformed; the text says in which line, and quotes nothing.
    """
    keys: dict[str, Key] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = _key(line.split())
            if key.id in keys:
                raise ValueError("its id is that of another line")
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        keys[key.id] = key
    if not keys:
        raise ValueError("expected a key, as a line with its id, its owner and its secret")
    if len(keys) > _MAX_KEYS:
        raise ValueError(f"has {len(keys)} keys; at most {_MAX_KEYS}")
    return keys


def _key(words: list[str]) -> Key:
    if len(words) != 3:
        raise ValueError("expected an id, an owner and a secret, with spaces between them")
    id, owner, encoded = words
    if not _ID.match(id) or not _ID.match(owner):
        raise ValueError("an id or owner is up to 64 of the characters A-Z a-z 0-9 . _ -")
    try:
        secret = b64decode(encoded, validate=True)
    except (Error, ValueError):
        raise ValueError("the secret is not base64; to make one: openssl rand -base64 32") from None
    if len(secret) < _MIN_SECRET_BYTES:
        raise ValueError(
            f"the secret has {len(secret)} bytes, and needs at least {_MIN_SECRET_BYTES}; to make "
            "one: openssl rand -base64 32"
        )
    return Key(id, owner, secret)
