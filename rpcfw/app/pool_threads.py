"""
The threads of the reactor's own pool, as a process ends.

Names are looked up in them, and files are written. Twisted joins them without a limit as
its reactor ends, and Python joins them as the process does: so a resolver that does not
answer would hold up the end beyond every timeout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["make_daemons", "take_over_join"]

#: How long the end waits for what threads still do.
_JOIN_TIMEOUT_S = 5.0


def make_daemons(reactor: Any) -> None:
    """
    Have Python not wait for the threads of a reactor that has not run yet.
    """
    reactor.getThreadPool().threadFactory = partial(threading.Thread, daemon=True)


def take_over_join(reactor: Any) -> Callable[[], None]:
    """
    Have the reactor not join its threads; return what does, once it has ended.
    """
    pool = reactor.getThreadPool()
    reactor.removeSystemEventTrigger(reactor.threadpoolShutdownID)
    reactor.threadpoolShutdownID = None

    def join() -> None:
        reactor.threadpool = None
        joining = threading.Thread(target=pool.stop, name="rpcfw pool, ending", daemon=True)
        joining.start()
        joining.join(_JOIN_TIMEOUT_S)

    return join
