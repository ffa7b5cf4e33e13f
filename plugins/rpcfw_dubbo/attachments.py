"""
Metadata as Dubbo's attachments, and back.

Attachments are a map of strings, since Dubbo 3 also of objects. Metadata has ordered pairs with
lower-case names, several of which may have one name. So the second value of a name has the key
``name#2`` (``#`` is in no name), and so on. The pairs of a map keep their order on the wire.

From other peers: a name with other characters has no place in metadata and is left out. Text
that is not printable ASCII gets a name with ``-bin``, and is in UTF-8. Numbers and booleans
become text; other objects, and integers of more than 1,024 bits, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rpcfw.values.metadata import EMPTY, Metadata, Pairs
from rpcfw_hessian.text import encode_binary, encode_string

__all__ = [
    "OF_DUBBO",
    "ONLY_VERSION",
    "PROTOCOL_VERSION",
    "TRAILERS",
    "VERSION",
    "metadata_of",
    "text_of",
    "write_pairs",
]

#: The version of Dubbo's protocol that is spoken here. From 2.0.2 on, replies may have attachments.
PROTOCOL_VERSION = "2.0.2"
#: The one attachment that each reply has, as an entry and as a whole map.
VERSION = encode_string("dubbo") + encode_string(PROTOCOL_VERSION)
ONLY_VERSION = b"H" + VERSION + b"Z"
#: The name of what stands between the metadata and the trailers of a reply, if there are trailers.
TRAILERS = "rpcfw-trailers"

#: What a caller sends for Dubbo itself. It is in the head of the request, and is no metadata: to
#: send such a name with another value would call another service, or change the deadline.
OF_DUBBO = frozenset(
    (
        "_to",
        "async",
        "dubbo",
        "generic",
        "group",
        "interface",
        "path",
        "remote.application",
        "timeout",
        "version",
    )
)
_NAME = re.compile(r"([0-9a-z_.\-]+)(?:#[0-9]{1,5})?\Z")
#: To write out a larger integer takes long, and Python refuses it.
_MAX_INT_BITS = 1024
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")


def write_pairs(pairs: Pairs, max_bytes: int) -> bytes:
    """
    Return the entries of a map with these pairs, as many of the first as fit.

    Names that are Dubbo's own are left out.
    """
    entries: list[bytes] = []
    counts: dict[str, int] = {}
    left = max_bytes
    for name, value in pairs:
        if name in OF_DUBBO:
            continue
        count = counts[name] = counts.get(name, 0) + 1
        key = name if count == 1 else f"{name}#{count}"
        written = encode_binary(value) if isinstance(value, bytes) else encode_string(value)
        entry = encode_string(key) + written
        left -= len(entry)
        if left < 0:
            break
        entries.append(entry)
    return b"".join(entries)


def metadata_of(attachments: Mapping[Any, Any]) -> Metadata:
    """
    Return the metadata in what a peer has sent, without what is Dubbo's own.
    """
    pairs = []
    for key, value in attachments.items():
        match = _NAME.match(key.lower()) if isinstance(key, str) else None
        if match is None or match[1] in OF_DUBBO:
            continue
        pair = _pair(match[1], value)
        if pair is not None:
            pairs.append(pair)
    return Metadata(tuple(pairs)) if pairs else EMPTY


def _pair(name: str, value: Any) -> tuple[str, str | bytes] | None:
    is_binary = name.endswith("-bin")
    if isinstance(value, bytes):
        return (name if is_binary else f"{name}-bin"), value
    text = text_of(value)
    if text is None:
        return None
    if is_binary or not _PRINTABLE.match(text):
        return (name if is_binary else f"{name}-bin"), text.encode("utf-8", "replace")
    return name, text


def text_of(value: Any) -> str | None:
    """
    Return an attachment as text; None if it is another object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= _MAX_INT_BITS else None
    return str(value) if isinstance(value, float) else None
