"""
What the demo's providers serve: a method for each shape; answers say who gave them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from rpcfw.spi.service import Service, method

__all__ = ["Answer", "Greeter"]


@dataclass
class Answer:
    """
    What was asked for, and the process that answered.
    """

    text: str
    by: int


class Greeter(Service, name="demo.Greeter"):
    """
    Greets, counts, adds up and chats.
    """

    @method(idempotent=True)
    async def say(self, name: str) -> Answer:
        """
        Unary. Idempotent: the framework may repeat it after a failure.
        """
        return _answer(f"hello {name}")

    @method(idempotent=True)
    async def count(self, to: int) -> AsyncIterator[Answer]:
        """
        Server-streaming.
        """
        for number in range(1, to + 1):
            yield _answer(str(number))

    @method
    async def total(self, numbers: AsyncIterator[int]) -> Answer:
        """
        Client-streaming.
        """
        total = 0
        async for number in numbers:
            total += number
        return _answer(str(total))

    @method
    async def chat(self, messages: AsyncIterator[str]) -> AsyncIterator[Answer]:
        """
        Bidirectional.
        """
        async for message in messages:
            yield _answer(message.upper())


def _answer(text: str) -> Answer:
    return Answer(text, os.getpid())
