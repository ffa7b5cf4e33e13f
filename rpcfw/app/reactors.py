"""
The reactor, and the randomness, of a real process: the one place that names them.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from rpcfw.errors import SetupError
from rpcfw.spi.waiting import running_loop

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

    Where an asyncio loop runs already, as under `asyncio.run`, an asyncio reactor takes
    that loop for its own and goes on for as long as the loop does.

    Raises:
        SetupError: another kind is installed already, or on another loop, or it cannot be.
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
    loop = running_loop()
    if name != "epoll" and loop not in (None, installed._asyncioEventloop):  # type: ignore[attr-defined]  # noqa: SLF001  # no public name
        raise SetupError(
            "Twisted's reactor has another asyncio loop than the one that runs, and there is "
            "one reactor in a process: make applications and channels within one asyncio.run"
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

    if (running := running_loop()) is not None:
        asyncioreactor.install(running)
        _begin_within()
        return
    loop = _uvloop() if name == "uvloop" else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    if name == "uvloop":
        _reap_children()


def _begin_within() -> None:
    """
    Begin in a loop that somebody else runs, who will not say when it ends.

    So the pool's threads must not keep the process from ending either.
    """
    import threading
    from functools import partial

    from twisted.internet import reactor as installed

    pool = installed.getThreadPool()  # type: ignore[attr-defined]
    pool.threadFactory = partial(threading.Thread, daemon=True)
    installed.startRunning(installSignalHandlers=False)  # type: ignore[attr-defined]


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
