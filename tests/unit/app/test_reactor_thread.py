"""
The reactor in a thread of its own, as whoever asks it sees it.
"""

from __future__ import annotations

from concurrent.futures import wait

from twisted.python.threadpool import ThreadPool

from rpcfw.app.reactor_thread import ReactorThread


class LateReactor:
    """
    Does what it is asked from other threads when it is told to.
    """

    def __init__(self):
        self.asked = []

    def getThreadPool(self):  # noqa: N802 - the reactor's name
        return ThreadPool()

    def callWhenRunning(self, function):  # noqa: N802 - Twisted's names
        function()

    def callFromThread(self, function, *arguments):  # noqa: N802
        self.asked.append((function, arguments))

    def run(self, installSignalHandlers):  # noqa: N803
        pass

    def turn(self):
        asked, self.asked = self.asked, []
        for function, arguments in asked:
            function(*arguments)


def test_cancelled_before_it_is_begun():
    """
    What is cancelled before the reactor comes to it is never begun, and nobody waits on.
    """
    begun = []

    async def work():
        begun.append(1)

    reactor = LateReactor()
    future = ReactorThread(reactor).begin(work)
    assert future.cancel()
    reactor.turn()

    assert {future} == wait([future], timeout=0).done
    assert [] == begun
