"""
The place of a call in its trace: `traceparent` in 25 bytes (``docs/wire.md``, section 10).
"""

from __future__ import annotations

import re

from rpcfw.values.metadata import Metadata
from rpcfw.values.trace_context import TRACEPARENT
from rpcfw.wire.fields import Key, pack_pairs

__all__ = [
    "TRACE_BYTES",
    "TRACE_VALUE_BYTES",
    "is_recorded",
    "pack_metadata",
    "trace_pair",
    "without_trace",
]

TRACE_VALUE_BYTES = 25
#: The whole field.
TRACE_BYTES = 3 + TRACE_VALUE_BYTES
_PREFIX = bytes((Key.TRACE, 0, TRACE_VALUE_BYTES))
_SAMPLED = 0x01
_VERSION_0 = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")


def pack_metadata(metadata: Metadata) -> bytes:
    """
    Return the fields of a request's metadata.

    Raises:
        MessageTooLarge: a pair is larger than a field can be.
    """
    pairs = metadata.pairs
    if len(pairs) == 1:  # as of most calls: it is that of the trace
        return _pack_trace(*pairs[0]) or pack_pairs(Key.METADATA, metadata)
    found = [pair for pair in pairs if pair[0] == TRACEPARENT]
    field = _pack_trace(*found[0]) if len(found) == 1 else b""
    if not field:
        return pack_pairs(Key.METADATA, metadata)
    others = Metadata(tuple(pair for pair in pairs if pair[0] != TRACEPARENT))
    return pack_pairs(Key.METADATA, others) + field


def _pack_trace(name: str, value: str | bytes) -> bytes:
    """
    Return the field that a pair can travel as; nothing if it cannot.
    """
    if name != TRACEPARENT or not isinstance(value, str) or not _VERSION_0.match(value):
        return b""
    return _PREFIX + bytes.fromhex(value[3:].replace("-", ""))


def trace_pair(value: bytes) -> tuple[tuple[str, str], ...]:
    """
    Return the metadata that a field stands for; nothing if it has another length.
    """
    if len(value) != TRACE_VALUE_BYTES:
        return ()
    text = value.hex()
    return ((TRACEPARENT, f"00-{text[:32]}-{text[32:48]}-{text[48:]}"),)


def is_recorded(value: bytes) -> bool:
    """
    Tell whether a field is of a trace that is recorded. Then it differs in each call.
    """
    return bool(value[-1] & _SAMPLED)


def without_trace(header: bytes) -> bytes:
    """
    Return a header without the field at its end, if what ends it looks like one; else nothing.

    It may be a part of another field. But if the rest has been parsed as a header, it is not.
    """
    return header[:-TRACE_BYTES] if header[-TRACE_BYTES:].startswith(_PREFIX) else b""
