"""
The signal that asks for a reload.
"""

from __future__ import annotations

import os
import signal
import threading

from rpcfw.app.reload.hangup import early_hangups, on_hangup


class Reactor:
    """
    Calls at once what it is handed from a signal.
    """

    def callFromThread(self, function):  # noqa: N802 - the reactor's name
        function()


def test_a_signal():
    """
    Within the block each SIGHUP is a call; behind it, what was there before is there again.
    """
    before = signal.getsignal(signal.SIGHUP)
    seen = []
    with on_hangup(Reactor(), lambda: seen.append("reload")):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
    assert ["reload", "reload"] == seen
    assert before == signal.getsignal(signal.SIGHUP)


def test_signals_that_come_early():
    """
    Those that came before are one call, at once; without any there is none.
    """
    before = signal.getsignal(signal.SIGHUP)
    seen = []
    for count in 0, 1, 2:
        with early_hangups():
            for _ in range(count):
                signal.raise_signal(signal.SIGHUP)
            assert [] == seen
            with on_hangup(Reactor(), lambda: seen.append("reload")):
                assert ["reload"] * min(count, 1) == seen
            seen.clear()
    assert before == signal.getsignal(signal.SIGHUP)


def test_a_forked_child():
    """
    A forked child, whose parent alone the application belongs to, takes no notice.
    """
    seen = []
    with on_hangup(Reactor(), lambda: seen.append("reload")):
        child = os.fork()
        if not child:
            signal.raise_signal(signal.SIGHUP)
            os._exit(len(seen))
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_in_another_thread():
    """
    Where no signal can be handled, the block is run all the same.
    """
    seen = []

    def run():
        with early_hangups(), on_hangup(Reactor(), lambda: None):
            seen.append("run")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ["run"] == seen
