"""
A consumer that prints, again and again, by which rules it would call now.
"""

from __future__ import annotations

import json
import sys
import time

from twisted.internet import reactor

from rpcfw.app.application import Application
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.method import Method, Shape

SERVICE = "demo.Greeter"


def main():
    """
    Follow the rules of the configuration in ``argv[1]``.
    """
    application = Application.from_ini(sys.argv[1])
    method = Method(SERVICE, "say", Shape.UNARY, object, object, "json")

    async def run():
        while True:
            found = await application.explain(method, {"name": "bob"})
            options = application.policies.options("retry", SERVICE)
            state = {
                "at": time.time(),
                "max_attempts": options.max_attempts,
                "instances": sorted(one.address for one in found.instances if not one.removed_by),
            }
            sys.stdout.write(f"{json.dumps(state)}\n")
            sys.stdout.flush()
            await sleep(reactor, 0.05)

    application.run(run)


if __name__ == "__main__":
    main()
