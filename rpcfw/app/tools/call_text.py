"""
Requests and metadata as people write them.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec

from rpcfw.errors import SettingsError
from rpcfw.values.metadata import Metadata

__all__ = ["decoded", "metadata_pair"]


def metadata_pair(text: str) -> tuple[str, str | bytes]:
    """
    Return a pair of metadata, written ``name=value``; bytes are in base64.

    Raises:
        ValueError: it is none.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    read = b64decode(value, validate=True) if name.lower().endswith("-bin") else value
    return Metadata.of([(name, read)]).pairs[0]


def decoded(text: bytes, what: str) -> Any:
    """
    Return what JSON is for.

    Raises:
        SettingsError: it is none.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        shown = text.decode("utf-8", "replace")
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        raise SettingsError(f"{what} is no JSON: {error}, in: {shown}") from None
