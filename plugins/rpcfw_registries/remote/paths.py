"""
Names of services and instances as parts of a path, and back.

Stores take paths whose parts must not hold a slash, control characters and some
more; names of services are free text. So names are percent-encoded, as in URLs.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote, unquote

__all__ = ["decoded", "encoded", "normal_root", "znode_name"]


def encoded(name: str) -> str:
    """
    Return ``name`` as one part of a path: letters, digits, ``_.-~`` and ``%XX``.
    """
    part = quote(name, safe="")
    # "." and ".." would be steps in a path, not names.
    return part.replace(".", "%2E") if part in (".", "..") else part


def decoded(part: str) -> str:
    """
    Return the name that `encoded` made ``part`` of.
    """
    return unquote(part)


def znode_name(id: str, record: bytes) -> str:
    """
    Return the name of the znode that holds ``record`` of the instance ``id``.

    The suffix changes whenever the record does. So a list of names alone tells
    what is new, and a record that was read once need never be read again.
    """
    return f"{encoded(id)}~{sha256(record).hexdigest()[:8]}"


def normal_root(root: str) -> str:
    """
    Return ``root`` without a slash at its end.

    Raises:
        ValueError: it is no absolute path, or the store would refuse it.
    """
    parts = root.rstrip("/").split("/")
    if len(parts) < 2 or parts[0]:
        raise ValueError(f"{root!r} is no path to keep things under; expected one as /rpcfw")
    for part in parts[1:]:
        if not part or part in (".", "..") or not part.isprintable():
            raise ValueError(f"{root!r} has the part {part!r}, which no path may have")
    return "/".join(parts)
