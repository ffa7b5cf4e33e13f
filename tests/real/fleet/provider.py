"""
A provider: ``provider JOURNAL [SETTING ...]``.

Writes a line of JSON once it serves. Each line of standard input is a latency in seconds,
which its methods have from then on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.kernel.log import begin_logging
from rpcfw.spi.runtime.waiting import CANCELLED
from tests.real.fleet.service import Shop


def tell(**facts: object) -> None:
    """
    Write one line of JSON.
    """
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def answer(application: Application, shop: Shop) -> None:
    """
    Take latencies until a signal comes.
    """
    assert application.server is not None
    tell(address=str(application.server.addresses[0]))
    try:
        async for line in Lines(application.runtime.reactor, sys.stdin.fileno(), 1 << 10):
            shop.latency_s = float(line)
            tell(latency_s=shop.latency_s)
    except CANCELLED:
        return


def main() -> None:
    """
    Run the provider.
    """
    journal, *sets = sys.argv[1:]
    begin_logging("info", sys.stderr)
    shops: list[Shop] = []

    def services(plugin_context):
        shops.append(Shop(plugin_context.clock, Path(journal)))
        return shops

    application = Application.from_ini(sets=sets, services=services)
    application.run(lambda: answer(application, shops[0]))


if __name__ == "__main__":
    main()
