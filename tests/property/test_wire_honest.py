"""
Two honest machines never blame each other, whatever the interleaving.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.errors import MessageTooLarge, Overloaded
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    Event,
    GoAwayReceived,
    HalfClosed,
    MessageReceived,
    RequestReceived,
    ResponseReceived,
    StreamWritable,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.load_report import LoadReport
from rpcfw.values.metadata import EMPTY
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import head

LIMITS = Limits(max_receive_bytes=64, max_calls=4, stream_window_bytes=60)

#: What the server says of its load.
LOAD = LoadReport(cpu=0.5, metrics={"queue": 1.0})
#: What may happen next.
SELDOM = ("call", "shout", "end_side", "respond", "start_response", "finish_well", "finish_badly")
RARE = ("send_too_much", "give_up", "ping", "ask_load")
OFTEN = ("open_stream", "send", "send", "read", "arrive_partly", "arrive")
NAMES = (*SELDOM, *RARE, *OFTEN, *OFTEN)
SIZES = (0, 1, 20, 44, 64)
STEPS = st.tuples(st.sampled_from(NAMES), st.booleans(), st.integers(0, 11), st.sampled_from(SIZES))


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
        #: Calls whose response has started: that happens once.
        self.started: set[int] = set()
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
        elif isinstance(event, StreamWritable):
            assert self.open.get(event.call_id) is not None, "room on what is over"
            self.open[event.call_id] = True
        elif isinstance(event, MessageReceived):
            assert event.call_id in self.open, "a message of what is over"
            self.unread.append((event.call_id, event.cost))
        elif isinstance(event, HalfClosed):
            assert event.call_id in self.open, "an end of a side of what is over"


class Conversation:
    """
    Calls begun, answered, streamed, given up, while bytes are on their way.
    """

    def __init__(self) -> None:
        self.client = Side(ClientMachine(LIMITS, (), "near"))
        self.server = Side(ServerMachine(LIMITS, (), "far", lambda: LOAD))
        self.to_server = self.to_client = b""
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

    # What may happen. Each takes which side, which of its calls, and how many bytes.

    def call(self, at_server: bool, pick: int, size: int) -> None:
        self.begin(head(), bytes(size), ended=True)

    def open_stream(self, at_server: bool, pick: int, size: int) -> None:
        self.begin(head("s/stream"), bytes(size) if pick == 0 else None, ended=False)

    def shout(self, at_server: bool, pick: int, size: int) -> None:
        self.begin(head(one_way=True), bytes(size), ended=True)

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

    def end_side(self, at_server: bool, pick: int, size: int) -> None:
        call_id = self.picked(self.client, pick, writing=True)
        if call_id is not None:
            self.client.machine.end(call_id)
            self.client.writing.discard(call_id)

    def respond(self, at_server: bool, pick: int, size: int) -> None:
        call_id = self.picked(self.server, pick)
        if call_id is not None:
            self.server.machine.respond(call_id, bytes(size))
            self.server.over(call_id)

    def start_response(self, at_server: bool, pick: int, size: int) -> None:
        call_id = self.picked(self.server, pick)
        if call_id is not None and call_id not in self.server.started:
            self.server.started.add(call_id)
            self.server.machine.start_response(call_id, EMPTY)

    def finish_well(self, at_server: bool, pick: int, size: int) -> None:
        self.finish(pick, Status.OK)

    def finish_badly(self, at_server: bool, pick: int, size: int) -> None:
        self.finish(pick, Status.ABORTED)

    def finish(self, pick: int, status: Status) -> None:
        call_id = self.picked(self.server, pick)
        if call_id is not None:
            self.server.machine.finish(call_id, status, "done", hints=Hint.FINAL)
            self.server.over(call_id)

    def send(self, at_server: bool, pick: int, size: int) -> None:
        side = self.side(at_server)
        call_id = self.picked(side, pick, writing=True)
        # Now and then a writer does not wait for room, as after a send given up.
        if call_id is not None and (side.open[call_id] or pick == 1):
            side.open[call_id] = side.machine.send(call_id, bytes(size))

    def send_too_much(self, at_server: bool, pick: int, size: int) -> None:
        side = self.side(at_server)
        call_id = self.picked(side, pick, writing=True)
        if call_id is None:
            return
        try:
            side.machine.send(call_id, bytes(65))
        except MessageTooLarge:
            return
        raise AssertionError("65 bytes were sent to who takes 64")

    def give_up(self, at_server: bool, pick: int, size: int) -> None:
        side = self.side(at_server)
        call_id = self.picked(side, pick)
        if call_id is not None:
            side.machine.cancel(call_id, "enough")
            side.over(call_id)

    def read(self, at_server: bool, pick: int = 0, size: int = 0) -> None:
        side = self.side(at_server)
        for call_id, cost in side.unread:
            side.machine.consumed(call_id, cost)
        side.unread.clear()

    def ping(self, at_server: bool, pick: int, size: int) -> None:
        self.side(at_server).machine.ping()

    def ask_load(self, at_server: bool, pick: int, size: int) -> None:
        self.client.machine.ask_load()

    def drain(self, at_server: bool, pick: int, size: int) -> None:
        self.server.machine.drain("update")

    def arrive_partly(self, at_server: bool, pick: int, size: int) -> None:
        self.collect()
        self.deliver(*((size, 0) if at_server else (0, size)))

    def arrive(self, at_server: bool = True, pick: int = 0, size: int = 0) -> None:
        self.collect()
        self.deliver_all()

    def side(self, at_server: bool) -> Side:
        return self.server if at_server else self.client

    # What holds.

    def check_unread(self) -> None:
        for side in (self.client, self.server):
            costs: dict[int, int] = {}
            for call_id, cost in side.unread:
                costs[call_id] = costs.get(call_id, 0) + cost
            assert all(cost < 60 + 64 + 16 for cost in costs.values())

    def settle(self) -> None:
        """
        Let all arrive and be read, and the server end all; then both sides agree.
        """
        for _ in range(100):
            self.arrive()
            self.read(at_server=True)
            self.read(at_server=False)
        for call_id in list(self.server.open):
            self.server.machine.finish(call_id, Status.ABORTED)
            self.server.over(call_id)
        self.arrive()
        assert {} == self.client.open
        if any(isinstance(event, GoAwayReceived) for event in self.client.events):
            return
        for _ in range(LIMITS.max_calls):
            self.begin(head(), b"still there?", ended=True)
        self.arrive()
        assert LIMITS.max_calls == len(self.server.open) == len(self.client.open)


@given(st.lists(STEPS, max_size=150), st.integers(0, 300))
def test_honest_sides_never_blame_each_other(steps, drains_at):
    """
    Whatever two honest sides do, neither breaks off, and both agree in the end.
    """
    conversation = Conversation()
    for number, (name, *arguments) in enumerate(steps):
        if number == drains_at:
            conversation.drain(*arguments)
        getattr(conversation, name)(*arguments)
        conversation.check_unread()
    conversation.settle()


def test_the_steps_reach_what_they_are_for():
    """
    Among seeded conversations every kind of event comes many times.
    """
    random = Random(1)
    counts: Counter[str] = Counter()
    for _ in range(100):
        conversation = Conversation()
        for _ in range(150):
            step = getattr(conversation, random.choice(NAMES))
            step(random.random() < 0.5, random.randrange(12), random.choice(SIZES))
        conversation.settle()
        for side in (conversation.client, conversation.server):
            counts.update(type(event).__name__ for event in side.events)

    few = {event.__name__ for event in get_args(Event) if counts[event.__name__] < 50}
    # This wire counts no pings; and these sides neither fail nor drain.
    assert {"ConnectionFailed", "GoAwayReceived", "PingReceived"} == few
