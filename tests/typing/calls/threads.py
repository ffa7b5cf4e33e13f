"""
A consumer of a plain class from plain threads; for the comments see `coroutines`.
"""

from __future__ import annotations

from typing_extensions import reveal_type

import rpcfw
from tests.typing.calls.service import Greeter


def by_caller() -> None:
    """
    A function for one method, which blocks for the answer.
    """
    with rpcfw.blocking("consumer.ini") as app:
        say = app.caller(Greeter.say)
        reveal_type(say("bob", times=2))  # reveals: str
        reveal_type(app.caller(Greeter.length)("bob"))  # reveals: int
        reveal_type(app.caller(Greeter.later)("bob"))  # reveals: bytes
        reveal_type(list(app.caller(Greeter.letters)("bob")))  # reveals: list[str]
        reveal_type(app.caller(Greeter.count)(["bob"]))  # reveals: int
        with app.caller(Greeter.chat)() as chat:
            chat.send("bob")
            reveal_type(next(chat))  # reveals: int
            chat.send(1)  # wrong: arg-type, reportArgumentType
        quick = rpcfw.with_options(say, timeout="500ms", metadata={"tenant": "blue"})
        reveal_type(quick("bob"))  # reveals: str
        say(1)  # wrong: arg-type, reportArgumentType
        quick(name="bob", tiems=1)  # wrong: call-arg, reportCallIssue
        number: int = say("bob")  # wrong: assignment, reportAssignmentType
        print(number)


def by_client() -> None:
    """
    Of an object with all methods nothing is known, and nothing wrong is claimed.
    """
    with rpcfw.blocking("consumer.ini") as app:
        reveal_type(app.client(Greeter))  # reveals: Any
