"""
Types of the functions that call one method of a service.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import ParamSpec, Protocol, TypeAlias, TypeVar

from rpcfw.client.blocking import BlockingStream
from rpcfw.spi.stream import Stream

__all__ = ["BlockingConversation", "Conversation", "P", "R", "Requests", "T"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: What a caller that streams hands in.
Requests: TypeAlias = Iterable[T] | AsyncIterable[T]


class Conversation(Protocol[T, R]):
    """
    Opens a bidirectional call, with its requests or to be written to.
    """

    def __call__(self, requests: Requests[T] | None = None, /) -> Stream[T, R]: ...


class BlockingConversation(Protocol[T, R]):
    """
    Likewise, for plain threads.
    """

    def __call__(self, requests: Requests[T] | None = None, /) -> BlockingStream[T, R]: ...
