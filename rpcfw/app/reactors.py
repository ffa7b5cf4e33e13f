"""
The reactor, and the randomness, of a real process: the one place that names them.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from rpcfw.errors import SetupError

__all__ = ["chance", "reactor"]

_CLASSES = {
    "epoll": "EPollReactor",
    "asyncio": "AsyncioSelectorReactor",
    "uvloop": "AsyncioSelectorReactor",
}


def chance() -> random.Random:
    """
    Return randomness from the operating system's seed.
    """
    return random.Random()  # noqa: S311  # spreads load; no secret comes from it


def reactor(name: str) -> Any:
    """
    Return Twisted's reactor, installing the kind that is asked for if none is yet.

    Raises:
        SetupError: another kind is installed already, or it cannot be.
    """
    if "twisted.internet.reactor" not in sys.modules:
        _install(name)
    from twisted.internet import reactor as installed

    kind = type(installed).__name__
    if name != "epoll" and kind != _CLASSES[name]:
        raise SetupError(
            f"[app] reactor is {name}, but {kind} is installed already: something imported "
            "twisted.internet.reactor before the application was made"
        )
    return installed


def _install(name: str) -> None:
    if name == "epoll":
        # Where there is no epoll, Twisted's own choice for the platform serves.
        if sys.platform.startswith("linux"):
            from twisted.internet import epollreactor

            epollreactor.install()
        return
    import asyncio

    from twisted.internet import asyncioreactor

    loop = _uvloop() if name == "uvloop" else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    if name == "uvloop":
        _reap_children()


def _uvloop() -> Any:
    try:
        import uvloop
    except ModuleNotFoundError:
        raise SetupError("[app] reactor = uvloop needs: pip install 'rpcfw[uvloop]'") from None
    return uvloop.new_event_loop()


def _reap_children() -> None:
    """
    Have ended child processes noticed.

    uvloop takes over the descriptor by which Twisted learns of them, so a child that
    closes its pipes before it ends would never be reaped.
    """
    import signal

    from twisted.internet import reactor as installed
    from twisted.internet.process import reapAllProcesses

    def reap(*_: object) -> None:
        installed.callFromThread(reapAllProcesses)  # type: ignore[attr-defined]

    def install() -> None:
        signal.signal(signal.SIGCHLD, reap)

    installed.callWhenRunning(install)
