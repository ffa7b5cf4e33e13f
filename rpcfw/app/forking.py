"""
What a forked child does with the reactor that its parent ran: it forgets it.

Theory of operation. A child has copies of its parent's sockets and shares its epoll
descriptor, but not the thread that the reactor runs in. If it ran that reactor it would
take its parent's events, and unregister its parent's sockets. So the child closes its
copies of the connections and ports of ours, which the other ends would else see as open
for as long as it lives; and beside that it leaves everything alone. Nothing is sent to
any peer: sessions and leases stay the parent's. An application that the child makes gets
a reactor of its own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rpcfw.spi.runtime import affinity

__all__ = ["is_inherited", "on_fork"]

#: The reactor that there was before this process was forked, and whether it had been run.
_inherited: Any = None
_had_run = False
#: Where Twisted's wrappers keep what they wrap.
_WRAPPED = ("wrappedProtocol", "wrappedFactory", "_wrappedProtocol", "_wrappedFactory")
_callbacks: list[Callable[[], None]] = []


def is_inherited(reactor: Any) -> bool:
    """
    Tell whether a reactor is that of the process from which this one was forked.
    """
    if reactor is None or reactor is not _inherited:
        return False
    # Who makes a daemon of itself forks with a reactor that only the child will run.
    return _had_run or not reactor._started  # noqa: SLF001


def on_fork(callback: Callable[[], None]) -> None:
    """
    Have something called in each forked child, before anything else runs there.
    """
    _callbacks.append(callback)


def _in_child() -> None:
    global _inherited, _had_run  # noqa: PLW0603  # a process has one reactor
    affinity.fork()
    for callback in _callbacks:
        callback()
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is None or reactor is _inherited:
        return
    _inherited = reactor
    _had_run = reactor._started or reactor._startedBefore  # noqa: SLF001
    if _had_run:
        _silence(reactor)
        for each in (*reactor.getReaders(), *reactor.getWriters()):
            if _is_ours(each):
                each.socket.close()  # this copy: the connection is the parent's, and stays


def _silence(reactor: Any) -> None:
    """
    Keep what is left of the parent's objects from waking the parent.
    """
    _unshare(reactor)
    reactor.wakeUp = _nothing
    reactor.callFromThread = _nothing
    wakers = {getattr(each, "o", None) for each in reactor._internalReaders}  # noqa: SLF001
    try:
        before = signal.set_wakeup_fd(-1)
        if before not in (-1, *wakers):
            signal.set_wakeup_fd(before)  # somebody else's
    except ValueError:
        pass  # forked from another thread than the main one, where none may be set


def _unshare(reactor: Any) -> None:
    """
    Give the child an epoll descriptor of its own in place of its parent's.

    A child that returns into the reactor, or closes its loop, takes descriptors out of it.
    """
    if hasattr(reactor, "_poller"):
        reactor._poller = type(reactor._poller)()  # noqa: SLF001  # of the epoll reactor
    loop = getattr(reactor, "_asyncioEventloop", None)
    selector: Any = getattr(loop, "_selector", None)
    if hasattr(selector, "_selector"):
        selector._selector = type(selector._selector)()  # noqa: SLF001  # of asyncio's loops


def _nothing(*_: object, **__: object) -> None:
    pass


def _is_ours(selectable: Any) -> bool:
    """
    Tell whether a connection, or a port, is of this framework.
    """
    return hasattr(selectable, "socket") and any(
        type(each).__module__.startswith("rpcfw") for each in _layers(selectable)
    )


def _layers(selectable: Any) -> Iterator[Any]:
    """
    Yield the protocol of a connection, or the factory of a port, and what those wrap.
    """
    each = getattr(selectable, "protocol", None) or getattr(selectable, "factory", None)
    while each is not None:
        yield each
        each = next((getattr(each, name) for name in _WRAPPED if hasattr(each, name)), None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
