"""
What the commands that serve have in common: start, print a line, reload and stop on signals.
"""

from __future__ import annotations

from typing import TextIO

from rpcfw.app.application import Application
from rpcfw.app.reload.hangup import on_hangup
from rpcfw.app.reload.reloader import Reloader
from rpcfw.cli.codes import FINE, GIVEN_UP
from rpcfw.cli.running import run
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter

__all__ = ["serve_until_signal", "stop_signal"]


def serve_until_signal(application: Application, reloader: Reloader, what: str, out: TextIO) -> int:
    """
    Serve until a signal comes, then stop gracefully, and return the exit code.

    SIGHUP does not end it, but has the configuration read again.

    That is `GIVEN_UP` if calls were open that the stop could not wait for.

    Args:
        what: part of the line that is printed once the ports are open, before
            their addresses.
    """

    async def command() -> int:
        async with application:
            assert application.server is not None
            addresses = ", ".join(str(address) for address in application.server.addresses)
            out.write(f"{what} at {addresses}\n")
            out.flush()
            await stop_signal()
        return GIVEN_UP if application.server.given_up else FINE

    with on_hangup(application.runtime.reactor, reloader.begin):
        return run(application, command)


async def stop_signal() -> None:
    """
    Return when the process is to stop.
    """
    never: Waiter[None] = Waiter()
    try:
        await never
    except CANCELLED:
        return
