"""
A process that serves, and calls itself at an even pace; one call of 25 is slow.

It writes when each call ended: seconds since 1970, and how long it took.
"""

from __future__ import annotations

import sys
import time

from rpcfw import Application, Service, method
from rpcfw.spi.runtime.waiting import sleep, spawn

#: Calls in a second.
PACE = 50
SLOW_S = 0.35


class Answers(Service, name="demo.Answers"):
    """
    Answers, some of its calls late.
    """

    @method
    async def answer(self, number: int) -> int:
        if number % 25 == 0:
            await sleep(app.runtime.clock, SLOW_S)
        return number


async def main() -> None:
    client, clock = app.client(Answers), app.runtime.clock

    async def call(number: int) -> None:
        began = time.monotonic()
        await client.answer(number)
        sys.stdout.write(f"{time.time()} {time.monotonic() - began}\n")
        sys.stdout.flush()

    due, number = clock.seconds(), 0
    while True:
        number += 1
        spawn(call(number))
        due += 1 / PACE
        await sleep(clock, max(0.0, due - clock.seconds()))


if __name__ == "__main__":
    sets = [
        "registry.plugin=memory",
        "server.listen=tcp:127.0.0.1:0",
        f"admin.listen=tcp:127.0.0.1:{sys.argv[1]}",
    ]
    app = Application.from_ini(sets=sets, environ={}, services=[Answers()])
    app.run(main)
