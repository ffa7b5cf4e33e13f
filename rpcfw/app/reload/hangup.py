"""
SIGHUP: the signal by which a process is asked to read its configuration again.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["on_hangup"]


@contextmanager
def on_hangup(reactor: Any, reload: Callable[[], None]) -> Iterator[None]:
    """
    Have something called in the reactor's thread for each SIGHUP, within the block.

    Signals can only be handled from the main thread: in another one this does nothing. A child
    that is forked meanwhile takes no notice of the signal.
    """
    number = getattr(signal, "SIGHUP", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    process = os.getpid()

    def signalled(number: int, frame: object) -> None:
        if os.getpid() == process:
            reactor.callFromThread(reload)

    before = signal.signal(number, signalled)
    try:
        yield
    finally:
        signal.signal(number, before)
