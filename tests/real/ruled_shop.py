"""
A service that says which process answers; run as a program, it calls without end.
"""

from __future__ import annotations

import os
import sys

from twisted.internet import reactor

import rpcfw
from rpcfw.spi.runtime.waiting import sleep


class Shop(rpcfw.Service, name="com.acme.Shop"):
    @rpcfw.method(idempotent=True)
    async def where(self) -> str:
        return str(os.getpid())


def main() -> None:
    """
    Write who answers each call.
    """
    app = rpcfw.Application.from_ini(sys.argv[1])

    async def calling() -> None:
        while True:
            sys.stdout.write(f"{await app.client(Shop).where()}\n")
            sys.stdout.flush()
            await sleep(reactor, 0.01)

    app.run(calling)


if __name__ == "__main__":
    main()
