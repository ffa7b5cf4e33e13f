"""
The demo's consumer, a process of its own.

It tells its parent what it does as lines of JSON, and learns by a line of standard
input that a provider was killed.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from attrs import Factory, asdict, define

from rpcfw.app.application import Application
from rpcfw.cli.codes import FAILED, FINE
from rpcfw.cli.demo.service import Answer, Greeter
from rpcfw.cli.demo.tries import repeats
from rpcfw.cli.running import add_process_arguments, application_of, calls_only, run
from rpcfw.cli.stdin import Lines
from rpcfw.errors import CallError
from rpcfw.spi.runtime.waiting import Waiter, spawn

__all__ = ["main"]

#: Coroutines that call, by shape.
_CALLERS = {"unary": 8, "server-stream": 2, "client-stream": 2, "bidi-stream": 2}

#: Calls of each shape before the parent is notified that all is running, and again
#: after the kill before it ends.
_ENOUGH = {"unary": 1000, "server-stream": 20, "client-stream": 20, "bidi-stream": 20}

#: A consumer asks so often for a stream that was cut before it calls it lost.
_MAX_ASKED = 5


@define
class Tally:
    """
    What became of the calls of one shape.

    Args:
        calls: that got their right and whole answer.
        cut: streams that ended in the middle, and were asked for again.
        lost: why the others did not.
        by: answers by process.
    """

    calls: int = 0
    cut: int = 0
    lost: list[str] = Factory(list)
    by: Counter[int] = Factory(Counter)


#: Makes one call and returns (whether the answer is right, who gave it).
Once = Callable[[int], Awaitable[tuple[bool, int]]]


class Consumer:
    """
    Calls in all four shapes, first once each, then without a pause.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._greeter = application.client(Greeter)
        # These take messages, which a caller has in a list.
        self._add = application.caller(Greeter.total)
        self._talk = application.caller(Greeter.chat)
        self._tallies = {shape: Tally() for shape in _CALLERS}
        self._at_least = dict(_ENOUGH)
        self._enough: Waiter[None] | None = None
        self._over = False

    async def run(self) -> int:
        await self._show()
        lines = Lines(self._application.runtime.reactor, sys.stdin.fileno(), 1 << 10)
        calling = [
            spawn(self._call(shape)) for shape, callers in _CALLERS.items() for _ in range(callers)
        ]
        await self._until_enough()
        self._tell("under way", calls=self._calls())
        async for _ in lines:
            break  # a provider is dead
        self._at_least = {
            shape: tally.calls + _ENOUGH[shape] for shape, tally in self._tallies.items()
        }
        await self._until_enough()
        self._over = True
        for each in calling:
            await each
        repeated = int(repeats(self._application.runtime.plugin_context.meter).value)
        tallies = {shape: asdict(tally) for shape, tally in self._tallies.items()}
        self._tell("over", calls=self._calls(), repeated=repeated, shapes=tallies)
        return FAILED if any(tally.lost for tally in self._tallies.values()) else FINE

    async def _show(self) -> None:
        """
        Make one call of each shape, to be shown.
        """
        greeter = self._greeter
        answers = [await greeter.say("bob")]
        self._tell("shown", shape="unary", call='say("bob")', answers=_texts(answers))
        counted = [answer async for answer in greeter.count(3)]
        self._tell("shown", shape="server-stream", call="count(3)", answers=_texts(counted))
        added = [await self._add([1, 2, 3])]
        self._tell("shown", shape="client-stream", call="total(1, 2, 3)", answers=_texts(added))
        words = ["one", "two"]
        talked = [answer async for answer in self._talk(words)]
        self._tell("shown", shape="bidi-stream", call='chat("one", "two")', answers=_texts(talked))

    async def _call(self, shape: str) -> None:
        """
        Make calls of one shape until it is over.
        """
        once: dict[str, Once] = {
            "unary": self._say,
            "server-stream": self._count,
            "client-stream": self._total,
            "bidi-stream": self._chat,
        }
        tally = self._tallies[shape]
        # The framework repeats a unary call that it may; what became of half a stream
        # only its user knows, so it is the user who asks again.
        max_asked = 1 if shape == "unary" else _MAX_ASKED
        number = 0
        while not self._over:
            number += 1
            await self._ask(once[shape], number, tally, max_asked)
            if self._enough is not None and self._has_enough():
                enough, self._enough = self._enough, None
                enough.callback(None)

    async def _ask(self, once: Once, number: int, tally: Tally, max_asked: int) -> None:
        for asked in range(1, max_asked + 1):
            try:
                right, by = await once(number)
            except CallError as error:
                if asked == max_asked:
                    tally.lost.append(str(error))
                    return
                tally.cut += 1
            else:
                tally.calls += 1
                tally.by[by] += 1
                if not right:
                    tally.lost.append("a wrong answer")
                return

    async def _say(self, number: int) -> tuple[bool, int]:
        answer = await self._greeter.say(f"caller {number}")
        return answer.text == f"hello caller {number}", answer.by

    async def _count(self, number: int) -> tuple[bool, int]:
        answers = [answer async for answer in self._greeter.count(50)]
        return _texts(answers) == [str(n) for n in range(1, 51)], answers[-1].by

    async def _total(self, number: int) -> tuple[bool, int]:
        answer = await self._add(range(50))
        return answer.text == str(sum(range(50))), answer.by

    async def _chat(self, number: int) -> tuple[bool, int]:
        words = [f"word {n}" for n in range(50)]
        answers = [answer async for answer in self._talk(words)]
        return _texts(answers) == [word.upper() for word in words], answers[-1].by

    def _calls(self) -> int:
        return sum(tally.calls for tally in self._tallies.values())

    def _has_enough(self) -> bool:
        return all(
            tally.calls + len(tally.lost) >= self._at_least[shape]
            for shape, tally in self._tallies.items()
        )

    async def _until_enough(self) -> None:
        if not self._has_enough():
            enough = self._enough = Waiter()
            await enough

    def _tell(self, event: str, **facts: Any) -> None:
        sys.stdout.write(msgspec.json.encode({"event": event, **facts}).decode() + "\n")
        sys.stdout.flush()


def _texts(answers: list[Answer]) -> list[str]:
    return [answer.text for answer in answers]


def main() -> int:
    """
    Run the consumer and return its exit code.
    """
    parser = ArgumentParser()
    add_process_arguments(parser)
    application = application_of(parser.parse_args(), os.environ, calls_only)
    consumer = Consumer(application)

    async def command() -> int:
        async with application:
            return await consumer.run()

    return run(application, command)


if __name__ == "__main__":
    sys.exit(main())
