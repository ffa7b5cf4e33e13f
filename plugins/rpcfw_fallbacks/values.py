"""
Responses that are written as JSON.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

__all__ = ["response_from_json"]


def response_from_json(text: bytes, kind: Any) -> Any:
    """
    Return a new response of a type: of Python, or a Protobuf message.

    Raises:
        ValueError: the text is no value of that type.
    """
    if hasattr(kind, "DESCRIPTOR"):
        return _message(text, kind)
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, TypeError) as error:
        raise ValueError(str(error)) from error


def _message(text: bytes, kind: Any) -> Any:
    # Whoever has such a type has installed the library.
    json_format = import_module("google.protobuf.json_format")
    try:
        return json_format.Parse(text, kind())
    except json_format.Error as error:
        raise ValueError(str(error)) from error
