"""
What the text of a record may be, so that it can be sent within a message to consumers.
"""

from __future__ import annotations

import re

import msgspec

from rpcfw_registries.standalone.messages import MAX_RECORD_BYTES

__all__ = ["check_record_text"]

#: Decoders give up at a depth that depends on where they run. So what one server could read might
#: be too deep for a consumer, within a message with the records of others.
_MAX_DEPTH = 32

_read = msgspec.json.Decoder(msgspec.Raw).decode
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_A_BRACKET = bytes({*range(256)} - {*b"[]{}"})


def check_record_text(record: bytes) -> None:
    """
    See that a record is JSON of a size and depth that all can read.

    Raises:
        ValueError: it is not.
    """
    if len(record) > MAX_RECORD_BYTES:
        raise ValueError(
            f"the record has {len(record)} bytes; at most {MAX_RECORD_BYTES} are taken"
        )
    # Most have few brackets, and are not looked at twice.
    if record.count(b"[") + record.count(b"{") > _MAX_DEPTH and _depth(record) > _MAX_DEPTH:
        raise ValueError(f"the record is nested deeper than {_MAX_DEPTH} levels")
    try:
        _read(record)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the record is not JSON: {error}") from None


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for bracket in _STRING.sub(b"", text).translate(None, _NOT_A_BRACKET):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
