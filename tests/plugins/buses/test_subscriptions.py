"""
Who listens on a bus.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from rpcfw_buses.subscriptions import Subscriptions


class TestSubscriptions(SynchronousTestCase):
    def setUp(self):
        self.subscriptions = Subscriptions()
        self.received = []

    def test_each_subject_has_its_own_listeners(self):
        """
        A listener receives its subject until it is closed, which may be repeated.
        """
        close = self.subscriptions.add("a", self.received.append)
        self.subscriptions.add("b", self.received.append)
        self.subscriptions.deliver("a", b"1")
        self.subscriptions.deliver("c", b"2")
        assert [b"1"] == self.received
        close()
        close()
        self.subscriptions.deliver("a", b"3")
        assert [b"1"] == self.received
        assert ["b"] == self.subscriptions.subjects

    def test_one_that_raises_harms_no_other(self):
        """
        An error of one listener is logged, and the others are called.
        """

        def broken(_):
            raise ValueError

        self.subscriptions.add("a", broken)
        self.subscriptions.add("a", self.received.append)
        self.subscriptions.watch(broken)
        self.subscriptions.watch(self.received.append)
        self.subscriptions.deliver("a", b"1")
        self.subscriptions.connected(True)
        assert [b"1", True] == self.received
        assert 2 == len(self.flushLoggedErrors(ValueError))
