"""
A registry server and the providers of a test with probers, at addresses of their own.

``probed_providers REGISTRY PROVIDER ...``, addresses as ``tcp:10.9.0.11:2200``. It writes a line
once all are announced, and stops when its standard input ends.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack

import rpcfw
from rpcfw.app.application import Application
from rpcfw.cli.stdin import Lines
from rpcfw.kernel.log import begin_logging
from rpcfw.kernel.settings import options_of
from rpcfw_registries.standalone.node.service import NodeOptions, node_services

__all__ = ["Shop"]


class Shop(rpcfw.Service, name="probed.Shop"):
    """
    Answers.
    """

    @rpcfw.method(idempotent=True)
    async def get(self) -> str:
        """
        Return anything.
        """
        return "here"


async def run(registry: Application, providers: list[Application]) -> None:
    """
    Serve until nobody writes any more.
    """
    async with AsyncExitStack() as stack:
        for each in providers:
            await stack.enter_async_context(each)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        async for _ in Lines(registry.runtime.reactor, sys.stdin.fileno(), 1 << 10):
            pass


def main() -> None:
    """
    Run them all in one process.
    """
    begin_logging("info", sys.stderr)
    node, *addresses = sys.argv[1:]
    options = options_of(NodeOptions)
    registry = Application.from_ini(
        sets=("registry.plugin=", f"server.listen={node}"),
        services=lambda plugin_context: node_services(options, plugin_context),
    )
    providers = [
        Application.from_ini(
            sets=(f"registry.address={node}", f"server.listen={address}"), services=(Shop(),)
        )
        for address in addresses
    ]
    registry.run(lambda: run(registry, providers))


if __name__ == "__main__":
    main()
