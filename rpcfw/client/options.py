"""
Options of calls beside what their methods take: time limit, metadata, compression.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from inspect import isfunction
from typing import Any, TypeAlias, TypeVar, cast

from rpcfw.values.call_options import NO_CALL_OPTIONS, CallOptions
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.units import parse_time_limit

__all__ = ["Timeout", "call_options", "with_options"]

C = TypeVar("C")

#: Seconds, or text with a unit, or ``none`` for no limit.
Timeout: TypeAlias = "float | str | None"


def call_options(
    timeout: Timeout, metadata: MetadataLike | None, compression: str | None
) -> CallOptions:
    """
    Return the options of a call for what a caller of a stub names.
    """
    if timeout is None and metadata is None and compression is None:
        return NO_CALL_OPTIONS
    if isinstance(timeout, str):
        timeout = parse_time_limit(timeout)
    return CallOptions(timeout, metadata, compression)


def with_options(
    client: C,
    *,
    timeout: float | str | None = None,
    metadata: MetadataLike | None = None,
    compression: str | None = None,
) -> C:
    """
    Return a client that calls with these options, typed as the one it is made from.

    One for short calls::

        quick = rpcfw.with_options(greeter, timeout="500ms", metadata={"tenant": "blue"})
        await quick.say("bob")

    It shares the connections. What is None stays as it was. An option that is given in
    a call itself comes first.

    Args:
        client: what ``client`` or ``caller`` of an application returned, blocking or not.
        timeout: for the whole call: seconds, or text with a unit, or ``none``.
        metadata: sent with each call, instead of what an earlier `with_options` set.
        compression: of the requests.
    """
    given = {"timeout": timeout, "metadata": metadata, "compression": compression}
    options = {name: value for name, value in given.items() if value is not None}
    if isfunction(client) or isinstance(client, partial):
        return cast("C", _bound(client, options))
    if isinstance(client, _WithOptions):
        return cast("C", client.__rpcfw_with__(options))
    return cast("C", _WithOptions(client, options))


def _bound(call: Callable[..., Any], options: dict[str, Any]) -> Callable[..., Any]:
    return update_wrapper(partial(call, **options), call)


class _WithOptions:
    """
    A client, seen through options.
    """

    __slots__ = ("_client", "_options")

    def __init__(self, client: Any, options: dict[str, Any]) -> None:
        self._client = client
        self._options = options

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return _bound(found, self._options) if callable(found) else found

    def __rpcfw_with__(self, options: dict[str, Any]) -> _WithOptions:
        return _WithOptions(self._client, {**self._options, **options})

    def __dir__(self) -> list[str]:
        return dir(self._client)

    def __repr__(self) -> str:
        return f"<{self._client!r} with {', '.join(self._options) or 'no options'}>"
