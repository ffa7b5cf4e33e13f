"""
Our asyncio reactor does what Twisted's does: it passes Twisted's own tests of reactors.
"""

from __future__ import annotations

import pytest
from twisted.internet.test import test_core, test_fdset, test_threads, test_time

from rpcfw.app.asyncio_reactor import AsyncioSelectorReactor
from tests.unit.app.pipe import Pipe, closed

BUILDERS = (
    test_core.SystemEventTestsBuilder,
    test_fdset.ReactorFDSetTestsBuilder,
    test_threads.ThreadTestsBuilder,
    test_time.TimeTestsBuilder,
)


def closing(builder):
    """
    Return what ends a reactor in Twisted's tests, and its loop.
    """

    def unbuild(self, reactor):
        builder._unbuildReactor(self, reactor)  # noqa: SLF001  # no public name
        reactor._asyncioEventloop.close()  # noqa: SLF001  # likewise

    return unbuild


def of_twisted():
    """
    Return Twisted's tests as classes that test this reactor.
    """
    classes = {}
    for builder in BUILDERS:
        reactors = ["tests.unit.app.pipe.AsyncioSelectorReactor"]
        members = {"_reactors": reactors, "_unbuildReactor": closing(builder)}
        ours = type(builder.__name__, (builder,), members)
        for made_class in ours.makeTestCaseClasses().values():
            made_class.__module__ = __name__
            classes[made_class.__name__] = made_class
    return classes


globals().update(of_twisted())


@pytest.fixture(params=["asyncio", "uvloop"])
def reactor(request):
    loop = pytest.importorskip(request.param).new_event_loop()
    made = AsyncioSelectorReactor(loop)
    yield made
    closed(made)
    loop.close()


def test_a_file_is_polled(reactor, tmp_path):
    """
    What no loop can wait for, as a file, is read again and again, as Twisted does it.
    """
    path = tmp_path / "file"
    path.write_text("x")
    seen = []

    class File:
        def __init__(self, opened):
            self.fileno = opened.fileno

        def logPrefix(self):  # noqa: N802 - Twisted's name
            return "file"

        def doRead(self):  # noqa: N802 - likewise
            seen.append("read")
            reactor.removeReader(self)
            reactor.stop()

        def connectionLost(self, reason):
            pass

    with path.open() as opened:
        reactor.addReader(File(opened))
        reactor.run(installSignalHandlers=False)
    assert seen == ["read"]


def test_nothing_is_added_twice(reactor):
    """
    A reader that is there already is left as it is.
    """
    pipe = Pipe(reactor, lambda: None)
    reactor.addReader(pipe)
    assert reactor.getReaders().count(pipe) == 1
    reactor.removeReader(pipe)
    assert pipe not in reactor.getReaders()
    pipe.connectionLost(None)
