"""
A provider that tells its parent what a production one keeps to itself.

Its arguments are settings. Writes a line of JSON once it serves, one for each line of its
standard input, and one with what it has served when it has stopped.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import msgspec

import rpcfw
from rpcfw.cli.stdin import Lines
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.plugin import PluginContext
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
    works: list[Work] = []

    def services(plugin_context: PluginContext) -> list[Work]:
        works.append(Work(plugin_context.clock))
        return works

    application = rpcfw.Application.from_ini(sets=sys.argv[1:], services=services)
    application.run(lambda: answer(application))
    tell(written=works[0].written)


if __name__ == "__main__":
    main()
