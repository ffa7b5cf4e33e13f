"""
How one method is called: its request from JSON, and its responses as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from rpcfw.app.tools.printed import as_line
from rpcfw.values.method import Method, Shape

__all__ = ["Invocation", "of_json"]


def _unchanged(request: Any) -> Any:
    return request


@frozen
class Invocation:
    """
    One method, and what its messages are in JSON.

    Args:
        method: is called.
        encode: makes a message of what JSON is for, or raises `rpcfw.errors.SettingsError`.
        show: makes text of a response.
    """

    method: Method
    encode: Callable[[Any], Any] = _unchanged
    show: Callable[[Any], str] = as_line


def of_json(service: str, name: str, *, stream: bool) -> Invocation:
    """
    Return how a method is called that takes JSON, whatever its types are.
    """
    shape = Shape.BIDI_STREAM if stream else Shape.UNARY
    return Invocation(Method(service, name, shape, Any, Any, "json"))
