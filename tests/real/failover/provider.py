"""
A provider that tells its parent what a production one keeps to itself.

Its arguments are settings. Writes a line of JSON once it serves, and one for each line
of its standard input.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import msgspec

import rpcfw
from rpcfw.cli.stdin import Lines
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import CANCELLED
from tests.real.failover.service import Work
from tests.real.failover.wiretap import seen


def tell(**facts: Any) -> None:
    """
    Write one line of JSON.
    """
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    sys.stdout.flush()


async def answer(application: rpcfw.Application) -> None:
    """
    Answer lines until a signal comes.
    """
    (address,) = application.server.addresses
    tell(address=str(address), at=time.monotonic())
    try:
        async for _ in Lines(application.runtime.reactor, sys.stdin.fileno(), 1 << 10):
            tell(**seen(application.registry))
    except CANCELLED:
        return


def main() -> None:
    """
    Run the provider.
    """
    begin_logging("info", sys.stderr)
    application = rpcfw.Application.from_ini(
        sets=sys.argv[1:], services=lambda plugin_context: [Work(plugin_context.clock)]
    )
    application.run(lambda: answer(application))


if __name__ == "__main__":
    main()
