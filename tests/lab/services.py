"""
Services for the lab: one of each shape, and what a test wants to happen in them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from twisted.internet.defer import Deferred

from rpcfw import ApplicationError, Hint, Service, Status, context, method
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.spi.service import blocking


class Greeter(Service, name="demo.Greeter"):
    """
    Answers at once; counts its calls.
    """

    def __init__(self, name="", clock=None):
        self.name = name
        self.clock = clock
        self.begun = []
        self.ended = []
        self.error = None

    @method(idempotent=True)
    async def say(self, name: str) -> str:
        self.begun.append(name)
        return f"hello {name}"

    @method
    async def write(self, name: str) -> str:
        """
        A method that is not idempotent.
        """
        self.begun.append(name)
        return self.name

    @method(idempotent=True)
    async def who(self) -> str:
        self.begun.append("who")
        if self.error is not None:
            raise self.error
        return self.name

    @method(idempotent=True)
    async def slow(self, seconds: float) -> str:
        self.begun.append("slow")
        try:
            await sleep(self.clock, seconds)
        finally:
            self.ended.append("slow")
        return self.name

    @method
    async def slow_write(self, seconds: float) -> str:
        self.begun.append("slow_write")
        await sleep(self.clock, seconds)
        self.ended.append("slow_write")
        return self.name


class Kinds(Service, name="demo.Kinds"):
    """
    The same in every kind of method.
    """

    def __init__(self, clock=None):
        self.clock = clock

    @method
    async def coroutine(self, text: str) -> str:
        return text.upper()

    @method
    async def waiting(self, text: str) -> str:
        await sleep(self.clock, 0.1)
        return text.upper()

    @method
    def plain(self, text: str) -> str:
        return text.upper()

    @method
    def deferred(self, text: str) -> Deferred[str]:
        later: Deferred[str] = Deferred()
        self.clock.callLater(0.1, later.callback, text.upper())
        return later

    @method
    @blocking
    def blocks(self, text: str) -> str:
        return text.upper() + context().metadata.get("mark", "")

    @method
    async def up(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number

    @method
    def up_plain(self, count: int) -> AsyncIterator[int]:
        return self.up(count)

    @method
    async def up_coroutine(self, count: int) -> AsyncIterator[int]:
        return self.up(count)

    @method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        return sum([number async for number in numbers])

    @method
    def total_deferred(self, numbers: AsyncIterator[int]) -> Deferred[int]:
        return Deferred.fromCoroutine(self.total(numbers))

    @method
    async def double(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number

    @method
    def double_plain(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        return self.double(numbers)


class Talker(Service, name="demo.Talker"):
    """
    Says things beside its messages, in every shape.
    """

    @method
    async def unary(self, text: str) -> str:
        self.say()
        return text

    @method
    async def down(self, text: str) -> AsyncIterator[str]:
        self.say()
        yield text
        yield text

    @method
    async def silent(self, text: str) -> AsyncIterator[str]:
        self.say()
        return
        yield text

    @method
    async def up(self, texts: AsyncIterator[str]) -> str:
        self.say()
        return "".join([text async for text in texts])

    @method
    async def both(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        self.say()
        async for text in texts:
            yield text

    @method
    async def fails(self, text: str) -> str:
        self.say()
        raise ApplicationError(Status.NOT_FOUND, f"no {text}")

    @method
    async def fails_at_once(self, text: str) -> AsyncIterator[str]:
        self.say()
        raise ApplicationError(Status.NOT_FOUND, f"no {text}")
        yield text

    @method
    async def fails_before(self, text: str) -> AsyncIterator[str]:
        """
        Not even the stream comes about.
        """
        self.say()
        raise ApplicationError(Status.NOT_FOUND, f"no {text}")

    @method
    async def fails_to_join(self, texts: AsyncIterator[str]) -> str:
        self.say()
        raise ApplicationError(Status.NOT_FOUND, "no text")

    @method
    async def refuses(self, text: str) -> str:
        self.say()
        raise ApplicationError(Status.UNAVAILABLE, "not here", hints=Hint.NOT_BEGUN)

    @method
    async def breaks_off(self, text: str) -> AsyncIterator[str]:
        self.say()
        yield text
        raise ApplicationError(Status.NOT_FOUND, f"no {text}")

    def say(self):
        said = context().metadata.get("ask", "nothing")
        context().send_metadata({"heard": said})
        context().send_trailers({"bye": said})


class Streams(Service, name="demo.Streams"):
    """
    Streams that wait, fill, fail and end when the test wants.
    """

    def __init__(self, clock=None):
        self.clock = clock
        self.sent = 0
        self.got = []
        self.closed = []

    @method(idempotent=True)
    async def fill(self, count: int, size: int) -> AsyncIterator[str]:
        try:
            for _ in range(count):
                self.sent += 1
                yield "x" * size
        finally:
            self.closed.append("fill")

    @method(idempotent=True)
    async def tick(self, seconds: float) -> AsyncIterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
                await sleep(self.clock, seconds)
        finally:
            # A clean-up may wait, too.
            await sleep(self.clock, 0.01)
            self.closed.append("tick")

    @method
    async def never(self) -> AsyncIterator[int]:
        try:
            await Waiter()
            yield 0
        finally:
            self.closed.append("never")

    @method
    async def first_of(self, texts: AsyncIterator[str]) -> str:
        async for text in texts:
            self.got.append(text)
            return text
        return ""

    @method
    async def until_stop(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            if text == "stop":
                return
            yield text

    @method
    async def sip(self, texts: AsyncIterator[str]) -> int:
        """
        Takes a message a second.
        """
        async for text in texts:
            self.got.append(text)
            await sleep(self.clock, 1)
        return len(self.got)

    @method
    async def echo(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for text in texts:
                self.got.append(text)
                yield text
        finally:
            self.closed.append("echo")

    @method
    async def broken(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number
        raise KeyError("a secret of the server")
