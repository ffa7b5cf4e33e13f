"""
A consumer of a plain class for Twisted and asyncio, which are called alike.

What stands behind ``reveals`` is what both checkers must say of the line, and behind
``wrong`` the rule by which mypy, then pyright, finds the mistake.
"""

from __future__ import annotations

import asyncio

from twisted.internet.defer import Deferred
from typing_extensions import reveal_type

import rpcfw
from tests.typing.calls.service import Greeter


async def by_client(app: rpcfw.Application) -> None:
    """
    An object with the methods of the class.
    """
    greeter = app.client(Greeter)
    answer = await greeter.say("bob", times=2)
    reveal_type(answer)  # reveals: str
    async for letter in greeter.letters("bob"):
        reveal_type(letter)  # reveals: str
    await greeter.say(1)  # wrong: arg-type, reportArgumentType
    await greeter.say("bob", tiems=1)  # wrong: call-arg, reportCallIssue
    await greeter.sya("bob")  # wrong: attr-defined, reportAttributeAccessIssue
    number: int = await greeter.say("bob")  # wrong: assignment, reportAssignmentType
    greeter.say("bob").upper()  # wrong: attr-defined, reportAttributeAccessIssue
    print(number)


async def by_caller(app: rpcfw.Application) -> None:
    """
    A function for one method, however it is written.
    """
    reveal_type(await app.caller(Greeter.say)("bob", times=2))  # reveals: str
    reveal_type(await app.caller(Greeter.length)("bob"))  # reveals: int
    reveal_type(await app.caller(Greeter.later)(name="bob"))  # reveals: bytes
    async with app.caller(Greeter.letters)("bob") as letters:
        reveal_type(await letters.__anext__())  # reveals: str
    reveal_type(await app.caller(Greeter.count)(["bob"]))  # reveals: int
    chat = app.caller(Greeter.chat)()
    await chat.send("bob")
    reveal_type(await chat.__anext__())  # reveals: int
    await app.caller(Greeter.length)(1)  # wrong: arg-type, reportArgumentType
    await app.caller(Greeter.length)()  # wrong: call-arg, reportCallIssue
    await app.caller(Greeter.count)([1])  # wrong: list-item, reportArgumentType
    await chat.send(1)  # wrong: arg-type, reportArgumentType


async def with_options(app: rpcfw.Application) -> None:
    """
    Time limit and metadata, for a client and for one method.
    """
    quick = rpcfw.with_options(app.client(Greeter), timeout="500ms", metadata={"tenant": "blue"})
    reveal_type(await quick.say("bob"))  # reveals: str
    length = rpcfw.with_options(app.caller(Greeter.length), timeout=0.5)
    reveal_type(await length("bob"))  # reveals: int
    await length(1)  # wrong: arg-type, reportArgumentType
    rpcfw.with_options(quick, timeout=[1])  # wrong: arg-type, reportArgumentType
    rpcfw.with_options(quick, timout="1s")  # wrong: call-arg, reportCallIssue
    rpcfw.with_options(quick, metadata={"tenant": 1})  # wrong: arg-type, reportArgumentType


async def beside_others(app: rpcfw.Application) -> None:
    """
    What a call returns fits into asyncio's functions and into Twisted's.
    """
    greeter = app.client(Greeter)
    answers = await asyncio.gather(greeter.say("bob"), greeter.count(greeter.letters("bob")))
    reveal_type(answers)  # reveals: tuple[str, int]
    reveal_type(Deferred.fromCoroutine(greeter.say("bob")))  # reveals: Deferred[str]


def whole(app: rpcfw.Application) -> None:
    """
    The program returns what its main function does.
    """

    async def main() -> str:
        return await app.client(Greeter).say("bob")

    reveal_type(app.run(main))  # reveals: str
