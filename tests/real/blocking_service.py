"""
A service of blocking methods, as a process of its own.

Run as a program: ``python blocking_service.py``; prints its address.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator

from rpcfw import Application, Service, context, method
from rpcfw.spi.service import blocking


class Slow(Service, name="demo.Slow"):
    """
    Blocks its threads, and notices when its callers have gone.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.gave_up = 0
        self.ended = 0

    @method
    @blocking
    def echo(self, text: str) -> str:
        return text

    @method
    @blocking
    def sleep(self, seconds: float) -> str:
        self.calls += 1
        seen = context()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if seen.cancelled:
                self.gave_up += 1
                return "cancelled"
            time.sleep(0.01)
        return "slept"

    @method(timeout="10s")
    @blocking
    def begun(self) -> int:
        """
        Return once somebody sleeps here.
        """
        end = time.monotonic() + 9
        while not self.calls and time.monotonic() < end:
            time.sleep(0.01)
        return self.calls

    @method(timeout="10s")
    @blocking
    def cancelled(self) -> int:
        """
        Return once a sleeper was given up.
        """
        end = time.monotonic() + 9
        while not self.gave_up and time.monotonic() < end:
            time.sleep(0.01)
        return self.gave_up

    @method
    async def tick(self) -> AsyncIterator[int]:
        """
        Never end by itself.
        """
        try:
            for number in itertools.count():
                yield number
        finally:
            self.ended += 1

    @method(timeout="30s")
    @blocking
    def ticks_ended(self, count: int) -> int:
        """
        Return once so many streams of `tick` have ended, or after a while.
        """
        end = time.monotonic() + 20
        while self.ended < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.ended

    @method
    async def tell(self, text: str) -> str:
        context().send_metadata({"told": text})
        context().send_trailers({"told": text})
        return text

    @method
    async def count(self, count: int) -> AsyncIterator[int]:
        context().send_metadata({"told": "count"})
        context().send_trailers({"told": "count"})
        for number in range(count):
            yield number

    @method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        return sum([number async for number in numbers])

    @method
    async def double(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number


async def main(application: Application) -> None:
    await application.start()
    print(application.server.addresses[0], flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    from tests.real.blocking_service import Slow as BoundMethod

    APPLICATION = Application.from_ini(
        sets=[
            "registry.plugin=memory",
            "server.listen=tcp:127.0.0.1:0",
            "server.threads=4",
            "server.max_thread_queue=100",
            "app.log_level=warn",
        ],
        services=[BoundMethod()],
    )
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    Deferred.fromCoroutine(main(APPLICATION))
    reactor.run()
