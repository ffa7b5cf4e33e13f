"""
The name of the calling application, as the header field ``rpcfw-caller`` carries it.

It is percent-encoded like a `grpc-message`: HTTP/2 forbids a field value with a line
break (RFC 9113, section 8.2.1), and a peer would reset a call that has one.
"""

from __future__ import annotations

from functools import lru_cache

from rpcfw_grpc.status import read_message, write_message

__all__ = ["read_caller", "write_caller"]

#: As on the native wire.
_MAX_BYTES = 255


def write_caller(name: str) -> bytes:
    """
    Return the field's value; empty for no name.
    """
    cut = name.encode("utf-8", "replace")[:_MAX_BYTES].decode("utf-8", "ignore")
    # A field value has no space at either end.
    return write_message(cut.strip())


def read_caller(value: bytes) -> str:
    """
    Return a name that is fit for a log: short, and nothing unprintable in it.
    """
    # A byte takes three at most.
    return _read(value[: 3 * _MAX_BYTES])


# A server reads it again for each call whose other fields differ, as its time limit does.
@lru_cache(maxsize=256)
def _read(value: bytes) -> str:
    name = read_message(value)[:_MAX_BYTES]
    return name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)
