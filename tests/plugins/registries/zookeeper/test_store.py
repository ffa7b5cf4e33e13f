"""
The znodes of announced instances, where the registry's own tests do not look.
"""

from __future__ import annotations

import gc

from twisted.internet.defer import CancelledError
from twisted.logger import globalLogPublisher

from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw_registries.layouts.json_records import JSONLayout
from rpcfw_registries.remote.store import Change
from rpcfw_registries.zookeeper.store import ZooKeeperStore


class SilentSession:
    """
    A session whose server answers nothing.
    """

    session_id = 1

    def create(self, path, data):
        return Waiter()


def test_a_write_that_is_given_up_leaves_no_unhandled_errors():
    """
    A process that stops while it announces says nothing of the requests under way.
    """
    logged = []
    globalLogPublisher.addObserver(logged.append)
    try:
        store = ZooKeeperStore(SilentSession(), JSONLayout("/rpcfw"))
        changes = [Change(("demo.Greeter", f"i{n}"), b"record", asked=True) for n in range(3)]
        writing = spawn(store.write(changes))
        writing.addErrback(lambda failure: failure.trap(CancelledError))
        writing.cancel()
        assert writing.called
        del writing
        gc.collect()
    finally:
        globalLogPublisher.removeObserver(logged.append)
    assert [] == [event for event in logged if "log_failure" in event]
