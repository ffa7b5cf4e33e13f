"""
What a reactor reads in tests, and what it logs.
"""

from __future__ import annotations

import asyncio
import os

from twisted.logger import capturedLogs

from rpcfw.app import asyncio_reactor

__all__ = ["AsyncioSelectorReactor", "Pipe", "closed", "logged_in", "run"]


class Pipe:
    """
    The reading end of a pipe, with a log prefix of its own.
    """

    def __init__(self, reactor, read, prefix="a pipe"):
        self._reactor = reactor
        self._read = read
        self._prefix = prefix
        self.reading, self.writing = os.pipe()
        self.lost = None
        reactor.addReader(self)

    def fileno(self):
        return self.reading

    def logPrefix(self):  # noqa: N802 - Twisted's name
        if self._prefix is None:
            raise RuntimeError("no prefix")
        return self._prefix

    def doRead(self):  # noqa: N802 - likewise
        os.read(self.reading, 100)
        return self._read()

    def connectionLost(self, reason):
        self.lost = reason
        os.close(self.reading)
        os.close(self.writing)


class AsyncioSelectorReactor(asyncio_reactor.AsyncioSelectorReactor):
    """
    Our asyncio reactor with a loop of its own. Twisted's tests know it by its name.
    """

    def __init__(self):
        super().__init__(asyncio.new_event_loop())


def closed(reactor):
    """
    Close what a reactor has open.
    """
    internal = reactor._internalReaders  # noqa: SLF001  # no public name
    for selectable in reactor.removeAll() + list(internal):
        internal.discard(selectable)
        reactor.removeReader(selectable)
        selectable.connectionLost(None)


def run(reactor):
    reactor.run(installSignalHandlers=False)


def logged_in(reactor):
    """
    Run the reactor, and return the errors that it logs.
    """
    with capturedLogs() as events:
        run(reactor)
    failures = [event.get("log_failure") or event.get("failure") for event in events]
    return [failure.value for failure in failures if failure is not None]
