"""
A reactor that is chosen when it is first used.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock

from rpcfw.app.late_reactor import LateReactor


def test_what_chooses_nothing():
    """
    What zope asks of its kind chooses no reactor.
    """
    chosen = []
    late = LateReactor(lambda own_thread: chosen.append(own_thread) or Clock())
    assert IReactorThreads.providedBy(late)
    assert [] == chosen


def test_the_first_use_chooses():
    """
    The first use chooses, once; a start looks again at what there is.
    """
    chosen = []
    clock = Clock()
    late = LateReactor(lambda own_thread: chosen.append(own_thread) or clock)
    late.callLater(1, chosen.append, "called")
    late.advance(1)
    assert [False, "called"] == chosen
    assert clock is late.get(own_thread=True)
    assert clock is late.anew()
    assert [False, "called", False] == chosen
