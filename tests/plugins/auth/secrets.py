"""
Keys of tests.
"""

from __future__ import annotations

from base64 import b64encode

__all__ = ["NEW", "OLD", "line", "write_keys"]


def line(id, owner, secret):
    """
    Return the line of a key.
    """
    return f"{id} {owner} {b64encode(secret).decode()}"


OLD = line("old", "shop", b"o" * 32)
NEW = line("new", "shop", b"n" * 32)


def write_keys(path, *lines):
    """
    Write a file of keys.
    """
    path.write_text("\n".join(["# keys", "", *lines]) + "\n")
