"""
The reactor, and the randomness, of a real process: the one place that names them.
"""

from __future__ import annotations

import random
import sys
import threading
from functools import partial
from importlib import import_module
from typing import Any
from weakref import WeakSet

from twisted.internet.base import ReactorBase
from twisted.python.threadable import isInIOThread

from rpcfw.app.forking import is_inherited, on_fork
from rpcfw.app.late_reactor import LateReactor
from rpcfw.app.pool_threads import make_daemons
from rpcfw.app.steady import steady
from rpcfw.errors import SetupError
from rpcfw.kernel.extras import needs
from rpcfw.spi.runtime.affinity import Affinity, running_loop

__all__ = ["chosen", "random_source", "reactor", "settle"]

_ASYNCIO = "AsyncioSelectorReactor"
_NAME = "twisted.internet.reactor"
_random_sources: WeakSet[random.Random] = WeakSet()


def random_source() -> random.Random:
    """
    Return randomness from the operating system's seed; of each forked child from another one.
    """
    source = random.Random()  # noqa: S311  # spreads load; no secret comes from it
    _random_sources.add(source)
    return source


def _seed_again() -> None:
    # The children of a server that loads the program first have copies of one source. They would
    # give traces the same ids, record the same ones, and choose the same nodes at the same times.
    for source in _random_sources:
        source.seed()


on_fork(_seed_again)


def reactor(name: str, *, own_thread: bool = False) -> LateReactor:
    """
    Return Twisted's reactor, to be installed when it is used first if none is yet.

    Under `asyncio.run` an asyncio reactor takes the loop that runs for its own and goes
    on for as long as that does.

    Args:
        name: as ``[app] reactor`` has it.
        own_thread: it will run in a thread of its own, whatever loop runs here.

    Raises:
        SetupError: what runs here or is installed does not go with it.
    """
    late = LateReactor(partial(chosen, name))
    # Where a loop runs mistakes are reported at once; and whoever asked for asyncio may import
    # Twisted's reactor next, which would install another kind.
    if not own_thread and (running_loop() is not None or name in ("asyncio", "uvloop")):
        late.get()
    return late


def chosen(name: str, own_thread: bool = False) -> Any:
    """
    Return Twisted's reactor, installing the kind that is asked for if there is none.

    Raises:
        SetupError: as for `reactor`.
    """
    loop = None if own_thread else running_loop()
    installed = sys.modules.get(_NAME)
    if installed is not None and _is_spent(installed, loop):
        _remove(installed)
        installed = None
    if installed is None:
        if name == "auto":
            name = "epoll" if loop is None else "asyncio"
        _check_epoll(name, loop)
        _install(name, loop)
        installed = sys.modules[_NAME]
    _check(installed, name, loop)
    steady(installed)
    return installed


def settle(reactor: Any, affinity: Affinity) -> None:
    """
    Bind an application that starts to the place where it is awaited.

    Raises:
        SetupError: its reactor does not run here.
    """
    real = reactor.anew() if isinstance(reactor, LateReactor) else reactor
    if not isinstance(real, ReactorBase):
        affinity.bind(running_loop(), real=False)
        return
    loop = running_loop()
    own = getattr(real, "_asyncioEventloop", None)
    if loop is not own and loop is not None:
        raise SetupError(_other_loop(real))
    if real.running and not isInIOThread():
        raise SetupError(
            f"{type(real).__name__} runs in another thread than this application is started "
            "in: start it there, as by reactor.callFromThread, or use rpcfw.blocking"
        )
    affinity.bind(own, real=True)


def _check_epoll(name: str, loop: Any) -> None:
    if name == "epoll" and loop is not None:
        raise SetupError(
            "[app] reactor is epoll, but an asyncio loop runs here, in which it never would: "
            "leave the option out, or set it to asyncio"
        )


def _check(installed: Any, name: str, loop: Any) -> None:
    kind = type(installed).__name__
    if name in ("asyncio", "uvloop") and kind != _ASYNCIO:
        raise SetupError(
            f"[app] reactor is {name}, but {kind} is installed already: something imported "
            "twisted.internet.reactor before the application was made"
        )
    if loop is not None and getattr(installed, "_asyncioEventloop", None) is not loop:
        raise SetupError(_other_loop(installed))


def _other_loop(installed: Any) -> str:
    kind = type(installed).__name__
    where = "runs in another thread" if installed.running else "does not run"
    if kind == _ASYNCIO:
        return (
            f"{kind} has another asyncio loop than the one that runs here, and there is one "
            "reactor in a process: make and start applications and channels within one "
            "asyncio.run, and use rpcfw.blocking in other threads"
        )
    return (
        f"an asyncio loop runs here, but {kind} is installed already, and {where}: import "
        "twisted.internet.reactor nowhere before the application is made, or use rpcfw.blocking"
    )


def _is_spent(installed: Any, loop: Any) -> bool:
    """
    Tell whether a reactor can be of no use any more, so that another may take its place.
    """
    own = getattr(installed, "_asyncioEventloop", None)
    if own is not None and own.is_closed():
        return True  # asyncio.run has ended
    if is_inherited(installed):
        return True
    # Made for a loop that nobody has run, when another one is run after all.
    begun = installed._started or installed._startedBefore  # noqa: SLF001  # no public name
    return own is not None and loop is not None and loop is not own and not begun


def _remove(installed: Any) -> None:
    """
    Take a spent reactor away, so that another can be installed.
    """
    import twisted.internet

    del sys.modules[_NAME]
    if hasattr(twisted.internet, "reactor"):
        del twisted.internet.reactor
    if is_inherited(installed):
        return
    if installed.threadpool is not None:
        # It joins its threads, of which one may be busy.
        threading.Thread(target=installed.threadpool.stop, daemon=True).start()
    own = getattr(installed, "_asyncioEventloop", None)
    for waker in tuple(installed._internalReaders):  # noqa: SLF001  # no public name
        if own is not None and not own.is_closed():
            installed.removeReader(waker)
        waker.connectionLost(None)
    if own is not None and not own.is_running():
        own.close()


def _install(name: str, running: Any) -> None:
    if name == "epoll":
        # Where there is no epoll, Twisted's own choice for the platform serves.
        if sys.platform.startswith("linux"):
            from rpcfw.app import epoll_reactor

            epoll_reactor.install()
        else:
            import_module(_NAME)
        return
    import asyncio

    from rpcfw.app import asyncio_reactor

    if running is not None:
        asyncio_reactor.install(running)
        _begin_within(running)
        return
    loop = _uvloop() if name == "uvloop" else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncio_reactor.install(loop)
    if name == "uvloop":
        _reap_children()


def _begin_within(loop: Any) -> None:
    """
    Begin in a loop that somebody else runs, who will not say when it ends.

    So the pool's threads must not keep the process from ending either.
    """
    from twisted.internet import reactor as installed

    make_daemons(installed)
    installed.startRunning(installSignalHandlers=False)  # type: ignore[attr-defined]
    call_from_thread = installed.callFromThread  # type: ignore[attr-defined]

    def call_while_open(*arguments: Any, **named: Any) -> None:
        # What a thread has for a loop that was closed before it was done is dropped.
        try:
            call_from_thread(*arguments, **named)
        except RuntimeError:
            if not loop.is_closed():
                raise

    installed.callFromThread = call_while_open  # type: ignore[attr-defined]


def _uvloop() -> Any:
    try:
        import uvloop
    except ModuleNotFoundError:
        raise SetupError(f"[app] reactor = uvloop {needs('uvloop')}") from None
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
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, reap)

    installed.callWhenRunning(install)
