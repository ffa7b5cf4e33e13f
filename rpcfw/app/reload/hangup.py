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

__all__ = ["early_hangups", "on_hangup"]


class _Remembered:
    """
    A handler that notes whether the signal has come.
    """

    def __init__(self) -> None:
        self.came = False

    def __call__(self, number: int, frame: object) -> None:
        self.came = True


@contextmanager
def early_hangups() -> Iterator[None]:
    """
    Within the block, keep SIGHUP from ending the process, which is what it does by default.

    This is for the time in which a process imports what it serves. What comes then is remembered
    for `on_hangup`: the configuration may have been read before it changed.
    """
    number = _number()
    if number is None:
        yield
        return
    before = signal.signal(number, _Remembered())
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def on_hangup(reactor: Any, reload: Callable[[], None]) -> Iterator[None]:
    """
    Have something called in the reactor's thread for each SIGHUP, within the block.

    Signals can only be handled from the main thread: in another one this does nothing. A child
    that is forked meanwhile takes no notice of the signal.
    """
    number = _number()
    if number is None:
        yield
        return
    process = os.getpid()

    def signalled(number: int, frame: object) -> None:
        if os.getpid() == process:
            reactor.callFromThread(reload)

    before = signal.signal(number, signalled)
    if isinstance(before, _Remembered) and before.came:
        signalled(number, None)
    try:
        yield
    finally:
        signal.signal(number, before)


def _number() -> signal.Signals | None:
    """
    Return the signal; None where it cannot be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    return getattr(signal, "SIGHUP", None)
