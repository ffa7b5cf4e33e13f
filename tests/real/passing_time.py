"""
Real time for a test that leaves nothing behind.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.task import deferLater

__all__ = ["PassingTime", "after"]


class PassingTime:
    """
    The reactor as a clock that forgets what a test left to be called.
    """

    def __init__(self):
        self.seconds = reactor.seconds
        self._calls = []

    def callLater(self, delay, callable, *args, **kwargs):  # noqa: N802 - the reactor's name
        call = reactor.callLater(delay, callable, *args, **kwargs)
        self._calls = [each for each in self._calls if each.active()]
        self._calls.append(call)
        return call

    def stop(self):
        """
        Cancel what is left.
        """
        for call in self._calls:
            if call.active():
                call.cancel()


async def after(seconds):
    """
    Return after so much real time.
    """
    await deferLater(reactor, seconds)
