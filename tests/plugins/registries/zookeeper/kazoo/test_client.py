"""
The session that kazoo keeps up, with a client of kazoo's that the test moves.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from twisted.internet.task import Clock

pytest.importorskip("kazoo")

from kazoo.protocol.states import KazooState, KeeperState

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.zookeeper.kazoo import client
from rpcfw_registries.zookeeper.kazoo.access import Access, Pace
from rpcfw_registries.zookeeper.kazoo.client import KazooSession
from rpcfw_registries.zookeeper.session import SessionEvent


class Client:
    """
    Stands for kazoo's.
    """

    made: ClassVar[list[Client]] = []

    def __init__(self, handler, **_):
        self.handler = handler
        self.client_id = (7, b"")
        self.client_state = KeeperState.CONNECTED
        self.made.append(self)

    def add_listener(self, listener):
        self.listener = listener

    def start_async(self):
        pass

    def stop(self):
        pass

    def close(self):
        pass


def test_a_client_that_ended_before_it_was_heard(monkeypatch):
    """
    A session is over once its client is replaced, though the client's own word comes later.
    """
    monkeypatch.setattr(client, "KazooClient", Client)
    monkeypatch.setattr(Client, "made", [])
    clock, events = Clock(), []
    pace = Pace(
        session_timeout_s=10, operation_timeout_s=5, connect_timeout_s=3, max_reconnect_delay_s=5
    )
    session = KazooSession(plugin_context(clock), Access(("127.0.0.1:1",)), pace)
    spawn(session.open(events.append, events.append))
    (first,) = Client.made
    first.listener(KazooState.CONNECTED)
    clock.advance(0)
    assert 7 == session.session_id
    first.client_state = KeeperState.CLOSED
    clock.advance(5)
    assert 2 == len(Client.made)
    assert 0 == session.session_id
    first.listener(KazooState.LOST)
    clock.advance(0)
    assert [SessionEvent.CONNECTED, SessionEvent.LOST] == events
    spawn(session.close())
