"""
A service in plain Python: each method written in another of the ways that are served.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from twisted.internet.defer import Deferred, succeed

import rpcfw


class Greeter(rpcfw.Service, name="demo.Greeter"):
    """
    Greets.
    """

    @rpcfw.method(idempotent=True)
    async def say(self, name: str, times: int = 1) -> str:
        """
        Say hello.
        """
        return f"hello {name}" * times

    @rpcfw.method
    @rpcfw.blocking
    def length(self, name: str) -> int:
        """
        Tell how long a name is.
        """
        return len(name)

    @rpcfw.method
    def later(self, name: str) -> Deferred[bytes]:
        """
        Answer by a Deferred.
        """
        return succeed(name.encode())

    @rpcfw.method
    async def letters(self, name: str) -> AsyncIterator[str]:
        """
        Spell a name.
        """
        for letter in name:
            yield letter

    @rpcfw.method
    async def count(self, names: AsyncIterator[str]) -> int:
        """
        Count names.
        """
        return len([name async for name in names])

    @rpcfw.method
    async def chat(self, names: AsyncIterator[str]) -> AsyncIterator[int]:
        """
        Tell how long each name is.
        """
        async for name in names:
            yield len(name)
