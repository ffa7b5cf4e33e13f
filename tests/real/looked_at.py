"""
A consumer that calls once and goes on, to be looked at by tools.

Run as a program: ``python -m tests.real.looked_at SETTING...``.
"""

from __future__ import annotations

import sys

import rpcfw
from rpcfw.spi.runtime.waiting import sleep
from tests.real.commands import RUNNING_LIMIT_S


class Greeter(rpcfw.Service, name="demo.Greeter"):
    """
    What it calls.
    """

    @rpcfw.method(idempotent=True)
    async def say(self, name: str) -> str:
        """
        Is answered by the provider.
        """
        raise NotImplementedError


def main() -> None:
    app = rpcfw.Application.from_ini(sets=sys.argv[1:])

    async def call_and_stay() -> None:
        print(await app.client(Greeter).say("bob"), flush=True)  # noqa: T201 - a program
        await sleep(app.runtime.clock, RUNNING_LIMIT_S)

    app.run(call_and_stay)


if __name__ == "__main__":
    main()
