"""
One process that serves itself over TCP, with rules about the hosts of its callers.

Run as a program: ``python hosts_world.py WIRE``. Prints how calls ended as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from rpcfw import Application, CallError, Service, method

ACCESS = "server.insert=access after AUTH"
LIMITER = ("server.limiters=token_bucket", "limiter token_bucket.rate=1/min")
BY_ADDRESS = (*LIMITER, "limiter token_bucket.per=address", "limiter token_bucket.burst=2")


class Served(Service, name="demo.Served"):
    """
    Answers.
    """

    @method
    async def ping(self) -> str:
        return "OK"


async def ends(wire: str, *sets: str) -> list[str]:
    """
    Return how three calls end under these settings.
    """
    wires = [f"{section}.protocols={wire}" for section in ("server", "client")]
    usual = ["app.name=shop", "app.reactor=asyncio", "registry.plugin=memory", "retry.plugin=never"]
    app = Application.from_ini(
        sets=["server.listen=tcp:127.0.0.1:0", *usual, *wires, *sets], services=[Served()]
    )
    found = []
    async with app:
        client = app.client(Served)
        for _ in range(3):
            try:
                found.append(await client.ping())
            except CallError as error:
                found.append(error.status.name)
    return found


async def main(wire: str) -> None:
    seen = {
        "denied": await ends(wire, ACCESS, "filter access.rules=allow\ndeny host=127.0.0.0/8"),
        "others denied": await ends(
            wire, ACCESS, "filter access.rules=allow\ndeny host=10.0.0.0/8"
        ),
        "allowed": await ends(wire, ACCESS, "filter access.rules=allow host=127.0.0.1"),
        "others allowed": await ends(wire, ACCESS, "filter access.rules=allow host=10.0.0.0/8"),
        "limited": await ends(wire, *BY_ADDRESS),
    }
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
