"""
Announces instances that are not there: ``announcer ADDRESSES [SETTING ...]``.

Writes a line once all are announced, and keeps them announced until its standard input ends.
"""

from __future__ import annotations

import sys

from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.kernel.log import begin_logging
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from tests.real.fleet.service import Shop


async def announce(application: Application, addresses: list[str]) -> None:
    """
    Announce an instance at each address.
    """
    assert application.registry is not None
    for number, address in enumerate(addresses):
        instance = Instance(Shop.service_name, f"dead-{number}", Address.parse(address))
        await application.registry.announce(instance)
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    async for _ in Lines(application.runtime.reactor, sys.stdin.fileno(), 1 << 10):
        pass


def main() -> None:
    """
    Announce them.
    """
    addresses, *sets = sys.argv[1:]
    begin_logging("info", sys.stderr)
    application = Application.from_ini(sets=sets)
    application.run(lambda: announce(application, addresses.split(",")))


if __name__ == "__main__":
    main()
