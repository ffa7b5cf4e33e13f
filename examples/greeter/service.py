"""
A service in plain Python, with a method for each of the four shapes of a call.

Serve it with ``rpcfw serve -c conf/provider.ini``. What travels are the annotated
types: builtins here; dataclasses, attrs classes and msgspec structs do as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import rpcfw


class Greeter(rpcfw.Service, name="demo.Greeter"):
    """
    Greets, counts, adds up and chats.
    """

    @rpcfw.method(idempotent=True)
    async def say(self, name: str) -> str:
        """
        Unary: one request, one response. Idempotent: it may be repeated after a failure.
        """
        return f"hello {name}"

    @rpcfw.method(idempotent=True)
    async def count(self, to: int, start: int = 1) -> AsyncIterator[int]:
        """
        Server-streaming: one request, a stream of responses.
        """
        if to - start > 1_000_000:
            raise rpcfw.ApplicationError(
                rpcfw.Status.OUT_OF_RANGE, "this counts a million at most; ask for less"
            )
        for number in range(start, to + 1):
            yield number

    @rpcfw.method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        """
        Client-streaming: a stream of requests, one response.
        """
        total = 0
        async for number in numbers:
            total += number
        return total

    @rpcfw.method
    async def chat(self, messages: AsyncIterator[str]) -> AsyncIterator[str]:
        """
        Bidirectional: each side sends when it likes; here each message is answered.
        """
        async for message in messages:
            yield f"you said: {message}"
