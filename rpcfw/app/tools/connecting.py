"""
Waiting until it is seen which instances can be reached.
"""

from __future__ import annotations

from rpcfw.app.application import Application
from rpcfw.spi.runtime.waiting import sleep

__all__ = ["until_connected"]

_LOOK_S = 0.02


async def until_connected(application: Application, service: str, limit_s: float) -> None:
    """
    Return once each connection to a service that was begun is made or has failed.
    """
    clock = application.runtime.clock
    (client,) = [each for each in application.clients if each.service == service]
    until = clock.seconds() + limit_s
    while client.nodes.connecting and clock.seconds() < until:
        await sleep(clock, _LOOK_S)
