"""
Two honest machines never blame each other, whatever the interleaving.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rpcfw.errors import MessageTooLarge, Overloaded
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    MessageReceived,
    PeerLeaving,
    RequestReceived,
    ResponseReceived,
    RoomMade,
    SideEnded,
)
from rpcfw.spi.protocol import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import head

LIMITS = Limits(max_receive_bytes=64, max_calls=4, stream_window_bytes=60)
BODIES = st.binary(max_size=64)
PICK = st.integers(0, 10**6)


class Side:
    """
    What one side's driver knows of its calls.
    """

    def __init__(self, machine) -> None:
        self.machine = machine
        #: Calls that may still be answered or written to, with whether they have room.
        self.open: dict[int, bool] = {}
        #: Of those, the ones whose own messages have not ended.
        self.writing: set[int] = set()
        self.unread: list[tuple[int, int]] = []
        self.events: list = []

    def over(self, call_id: int) -> None:
        self.open.pop(call_id, None)
        self.writing.discard(call_id)

    def take(self, event) -> None:
        assert not isinstance(event, ConnectionFailed), event.reason
        self.events.append(event)
        if isinstance(event, RequestReceived) and not event.head.one_way:
            self.open[event.call_id] = True
            self.writing.add(event.call_id)
        elif isinstance(event, CallCancelled | CallEnded | ResponseReceived):
            assert event.call_id in self.open, "an end of what is over"
            self.over(event.call_id)
        elif isinstance(event, RoomMade):
            assert self.open.get(event.call_id) is not None, "room on what is over"
            self.open[event.call_id] = True
        elif isinstance(event, MessageReceived):
            assert event.call_id in self.open, "a message of what is over"
            self.unread.append((event.call_id, event.cost))
        elif isinstance(event, SideEnded):
            assert event.call_id in self.open, "an end of a side of what is over"


class Conversation(RuleBasedStateMachine):
    """
    Calls begun, answered, streamed, given up, while bytes are on their way.
    """

    @initialize()
    def greet(self) -> None:
        self.client = Side(ClientMachine(LIMITS, (), "near"))
        self.server = Side(ServerMachine(LIMITS, (), "far"))
        self.to_server = self.to_client = b""
        self.ended: dict[int, Status] = {}
        self.refusable: set[int] = set()
        self.client.machine.start()
        self.server.machine.start()
        self.collect()
        for _ in range(2):
            self.deliver_all()

    def collect(self) -> None:
        self.to_server += self.client.machine.take_output()
        self.to_client += self.server.machine.take_output()

    def deliver_all(self) -> None:
        while self.to_server or self.to_client:
            self.deliver(len(self.to_server), len(self.to_client))

    def deliver(self, to_server: int, to_client: int) -> None:
        there, self.to_server = self.to_server[:to_server], self.to_server[to_server:]
        here, self.to_client = self.to_client[:to_client], self.to_client[to_client:]
        for event in self.server.machine.receive(there):
            self.server.take(event)
        for event in self.client.machine.receive(here):
            self.client.take(event)
        self.collect()

    def picked(self, side: Side, pick: int, *, writing: bool = False) -> int | None:
        ids = sorted(side.writing if writing else side.open)
        return ids[pick % len(ids)] if ids else None

    # The client.

    @rule(body=BODIES)
    def call(self, body) -> None:
        self.begin(head(), body, ended=True)

    @rule()
    def open_stream(self) -> None:
        self.begin(head("s/stream"), None, ended=False)

    @rule(body=BODIES)
    def shout(self, body) -> None:
        self.begin(head(one_way=True), body, ended=True)

    def begin(self, one, body, *, ended: bool) -> None:
        try:
            call_id = self.client.machine.call(one, body, "", ended)
        except Overloaded:
            assert len(self.client.open) >= LIMITS.max_calls
            return
        if not one.one_way:
            self.client.open[call_id] = True
            if not ended:
                self.client.writing.add(call_id)

    @rule(pick=PICK)
    def end_side(self, pick) -> None:
        call_id = self.picked(self.client, pick, writing=True)
        if call_id is not None:
            self.client.machine.end(call_id)
            self.client.writing.discard(call_id)

    # The server.

    @rule(pick=PICK, body=BODIES)
    def respond(self, pick, body) -> None:
        call_id = self.picked(self.server, pick)
        if call_id is not None:
            self.server.machine.respond(call_id, body)
            self.server.over(call_id)

    @rule(pick=PICK)
    def start_response(self, pick) -> None:
        call_id = self.picked(self.server, pick)
        if call_id is not None:
            self.server.machine.start_response(call_id, EMPTY)

    @rule(pick=PICK, status=st.sampled_from([Status.OK, Status.ABORTED]))
    def finish(self, pick, status) -> None:
        call_id = self.picked(self.server, pick)
        if call_id is not None:
            self.server.machine.finish(call_id, status, "done", hints=Hint.FINAL)
            self.server.over(call_id)

    # Both.

    @rule(pick=PICK, body=BODIES, at_server=st.booleans(), pushy=st.booleans())
    def send(self, pick, body, at_server, pushy) -> None:
        side = self.server if at_server else self.client
        call_id = self.picked(side, pick, writing=True)
        if call_id is not None and (pushy or side.open[call_id]):
            side.open[call_id] = side.machine.send(call_id, body)

    @rule(pick=PICK, at_server=st.booleans())
    def send_too_much(self, pick, at_server) -> None:
        side = self.server if at_server else self.client
        call_id = self.picked(side, pick, writing=True)
        if call_id is not None:
            try:
                side.machine.send(call_id, bytes(65))
            except MessageTooLarge:
                return
            raise AssertionError("65 bytes were sent to who takes 64")

    @rule(pick=PICK, at_server=st.booleans())
    def give_up(self, pick, at_server) -> None:
        side = self.server if at_server else self.client
        call_id = self.picked(side, pick)
        if call_id is not None:
            side.machine.cancel(call_id, "enough")
            side.over(call_id)

    @rule(at_server=st.booleans())
    def read(self, at_server) -> None:
        side = self.server if at_server else self.client
        for call_id, cost in side.unread:
            side.machine.consumed(call_id, cost)
        side.unread.clear()

    @rule(at_server=st.booleans())
    def ping(self, at_server) -> None:
        (self.server if at_server else self.client).machine.ping()

    @precondition(lambda self: len(self.client.events) > 20)
    @rule()
    def leave(self) -> None:
        self.server.machine.leave("update")

    @rule(to_server=st.integers(0, 100), to_client=st.integers(0, 100))
    def some_bytes_arrive(self, to_server, to_client) -> None:
        self.collect()
        self.deliver(to_server, to_client)

    @rule()
    def all_bytes_arrive(self) -> None:
        self.collect()
        self.deliver_all()

    @invariant()
    def unread_is_bounded(self) -> None:
        if not hasattr(self, "client"):
            return
        for side in (self.client, self.server):
            costs: dict[int, int] = {}
            for call_id, cost in side.unread:
                costs[call_id] = costs.get(call_id, 0) + cost
            assert all(cost < 60 + 64 + 16 for cost in costs.values())

    def teardown(self) -> None:
        """
        When all has arrived and been read, and the server has ended all, both agree.
        """
        self.collect()
        for _ in range(200):
            self.deliver_all()
            self.read(at_server=True)
            self.read(at_server=False)
            self.collect()
        for call_id in list(self.server.open):
            self.server.machine.finish(call_id, Status.ABORTED)
            self.server.over(call_id)
        self.collect()
        self.deliver_all()
        assert {} == self.client.open
        if any(isinstance(event, PeerLeaving) for event in self.client.events):
            return
        for _ in range(LIMITS.max_calls):
            self.call(b"still there?")
        self.collect()
        self.deliver_all()
        assert LIMITS.max_calls == len(self.server.open) == len(self.client.open)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(stateful_step_count=60)
TestConversation.__doc__ = """
Whatever two honest sides do, neither blames the other, and both agree in the end.
"""
