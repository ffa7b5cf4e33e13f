"""
The calls that a preview of rules is about: one that was given, or all of a method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from rpcfw.spi.router import KeyedPart, Router
from rpcfw.values.method import Method, Shape

__all__ = ["AskedCall", "asked_calls", "asked_method"]

#: Calls without a method's own rules are explained by this name.
_ANY_METHOD = "any"
#: Several routers may each divide the calls.
_MAX_CALLS = 100


@frozen
class AskedCall:
    """
    A call that stands for all with the same keys.

    Args:
        share: of the calls of the method, from 0 to 1.
        request: as JSON has it.
    """

    share: float
    request: Any
    metadata: Mapping[str, str] = field(factory=dict)


def asked_method(service: str, name: str = "") -> Method:
    """
    Return the method whose calls are meant; without a name, one without rules of its own.
    """
    return Method(service, name or _ANY_METHOD, Shape.UNARY, Any, Any, "json")


def asked_calls(
    method: Method, given: AskedCall | None, routers: Iterable[Router]
) -> list[AskedCall]:
    """
    Return the call that was given, or one for each part into which routers divide the calls.
    """
    if given is not None:
        return [given]
    calls = [AskedCall(1.0, {})]
    for router in routers:
        parts = router.parts(method)
        divided = [each for call in calls for each in _divided(call, parts)]
        if len(divided) <= _MAX_CALLS:
            calls = divided
    return calls


def _divided(call: AskedCall, parts: Iterable[KeyedPart]) -> list[AskedCall]:
    found = []
    for part in parts:
        put = part.key.put(part.value, call.request, call.metadata)
        if put is not None:
            found.append(AskedCall(call.share * part.share, *put))
    return found or [call]
