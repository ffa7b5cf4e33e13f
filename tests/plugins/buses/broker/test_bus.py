"""
A bus and brokers that behave badly, on a network in memory: by the example of NATS.
"""

from __future__ import annotations

from random import Random

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import SetupError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw_buses.nats.bus import NATSBus, NATSOptions
from tests.folders import temporary_folder

INFO = b'INFO {"max_payload": 1048576}\r\n'


class Broker(Protocol):
    """
    Answers as its factory says.
    """

    def connectionMade(self):
        self.factory.connections.append(self)
        self.received = b""
        self.transport.write(self.factory.greeting)

    def dataReceived(self, data):
        self.received += data
        if self.factory.answers:
            self.transport.write(b"PONG\r\n" * data.count(b"PING\r\n"))


class Place(Factory):
    protocol = Broker

    def __init__(self, greeting=INFO, answers=True):
        self.greeting = greeting
        self.answers = answers
        self.connections = []


class World(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)

    def serve(self, name="one", **how):
        place = Place(**how)
        self.memory.listen(name, place)
        return place

    def started(self, address="memory:one", **texts):
        context = plugin_context(self.clock, Random(1), network=Network(self.clock, self.memory))
        self.context = context
        bus = NATSBus(options_of(NATSOptions, address=address, **texts), context)
        spawn(bus.start())
        self.addCleanup(self.stop, bus)
        self.advance(0.1)
        return bus

    def stop(self, bus):
        stopping = spawn(bus.stop())
        self.advance(1.1)
        assert stopping.called
        assert self.memory.connections == []

    def advance(self, seconds):
        for _ in range(round(seconds * 100)):
            self.clock.advance(0.01)


class TestBroken(World):
    def test_a_silent_broker_is_given_up(self):
        """
        A broker that accepts and says nothing is left after the time limit, for the next.
        """
        silent, other = self.serve("one", greeting=b""), self.serve("two")
        bus = self.started("memory:one, memory:two", connect_timeout="1s")
        assert not bus.connected
        assert len(silent.connections) == 1
        self.advance(1.2)
        assert bus.connected
        assert len(other.connections) == 1

    def test_a_broker_that_is_none(self):
        """
        What speaks something else is refused, and the reason names it and its address.
        """
        self.serve(greeting=b"HTTP/1.1 400 Bad Request\r\n")
        bus = self.started()
        assert not bus.connected
        assert "memory:one" in bus.trouble
        assert "is this a NATS server" in bus.trouble

    def test_refused_credentials(self):
        """
        What the broker says about it is the reason.
        """
        self.serve(greeting=INFO + b"-ERR 'Authorization Violation'\r\n")
        assert "Authorization Violation" in self.started().trouble

    def test_the_reason_of_a_loss_is_known_when_it_is_told(self):
        """
        Who watches the connection can say why it ended, and does not log an empty reason.
        """
        broker = self.serve()
        bus = self.started()
        told = []
        bus.watch_connection(lambda connected: told.append((connected, bus.trouble)))
        broker.connections[0].transport.loseConnection()
        self.advance(0.05)
        trouble = next(why for connected, why in told if not connected)
        assert "memory:one is not connected: the connection ended" in trouble

    def test_delays_grow(self):
        """
        A broker that always fails is tried after longer and longer delays, up to the limit.
        """
        broken = self.serve(greeting=b"?\r\n")
        self.started(max_reconnect_delay="2s")
        self.advance(10)
        at_first = len(broken.connections)
        self.advance(10)
        later = len(broken.connections) - at_first
        assert 10 < at_first + later < 25
        assert later <= 7

    def test_a_frozen_broker_is_noticed(self):
        """
        A broker that does not answer one ping by the next is given up, and the listeners know.
        """
        place = self.serve()
        bus = self.started(ping_interval="1s")
        changes = []
        bus.watch_connection(changes.append)
        self.advance(5)
        assert changes == []
        place.answers = False
        self.advance(2.5)
        assert changes[0] is False

    def test_a_pause_of_this_process_is_excused(self):
        """
        A process that was stopped finds the answers that have come meanwhile.
        """
        place = self.serve()
        bus = self.started(ping_interval="1s")
        changes = []
        bus.watch_connection(changes.append)
        place.answers = False
        self.advance(1)
        self.context.pauses.add(30)
        self.clock.advance(1)
        place.answers = True
        place.connections[0].transport.write(b"PONG\r\n")
        self.advance(3)
        assert changes == []

    def test_a_listener_is_not_told_before_its_subscription(self):
        """
        With `connected`, each subscription has been sent, one that was made late too.
        """
        place = self.serve(answers=False)
        bus = self.started()
        bus.subscribe("late", lambda _: None)
        self.advance(0.1)
        broker = place.connections[0]
        assert b"SUB late 1\r\nPING\r\n" in broker.received
        broker.transport.write(b"PONG\r\n")
        self.advance(0.1)
        assert not bus.connected
        broker.transport.write(b"PONG\r\n")
        self.advance(0.1)
        assert bus.connected


class TestSlow(World):
    def test_few_messages_wait(self):
        """
        While the broker reads nothing, a bounded number of bytes waits; later all of them leave.
        """
        place = self.serve()
        bus = self.started(max_waiting_bytes="100KiB", ping_interval="1m")
        broker = place.connections[0]
        broker.transport.pauseProducing()
        sent = 0
        while bus.publish("a", bytes(10_000)):
            sent += 1
            self.clock.advance(0)
        # Some are with the socket already.
        assert 10 <= sent <= 20
        broker.transport.resumeProducing()
        self.advance(0.1)
        assert broker.received.count(b"PUB a 10000\r\n") == sent

    def test_what_was_published_leaves_before_a_stop(self):
        """
        A bus that stops sends first what it took.
        """
        place = self.serve()
        bus = self.started()
        assert bus.publish("a", b"last")
        self.stop(bus)
        assert b"PUB a 4\r\nlast\r\n" in place.connections[0].received
        assert not bus.connected
        assert not bus.publish("a", b"later")

    def test_a_stop_does_not_wait_for_a_frozen_broker(self):
        """
        After a second the connection is cut.
        """
        self.serve()
        bus = self.started()
        bus.publish("a", b"last")
        self.memory.connections[0].freeze()
        self.stop(bus)

    def test_one_subject_is_subscribed_once(self):
        """
        The broker sends each message once, and none when the last listener has gone.
        """
        place = self.serve()
        bus = self.started()
        received = []
        closes = [bus.subscribe("a", received.append) for _ in range(2)]
        self.advance(0.1)
        broker = place.connections[0]
        broker.transport.write(b"MSG a 1 1\r\nx\r\n")
        self.advance(0.1)
        assert received == [b"x", b"x"]
        assert broker.received.count(b"SUB") == 1
        closes[0]()
        self.advance(0.1)
        assert b"UNSUB" not in broker.received
        closes[1]()
        closes[1]()
        self.advance(0.1)
        assert broker.received.count(b"UNSUB 1\r\n") == 1

    def test_what_goes_wrong_is_counted(self):
        """
        Messages that are too large, refusals and lost connections have metrics.
        """
        place = self.serve()
        bus = self.started()
        size = bus.max_message_bytes + 1
        place.connections[0].transport.write(b"MSG a 1 %d\r\n%b\r\n" % (size, bytes(size)))
        place.connections[0].transport.write(b"-ERR 'no'\r\n")
        self.advance(0.1)
        place.connections[0].transport.loseConnection()
        self.advance(0.5)
        counted = {
            family.name: family.of().value
            for family in self.context.meter
            if family.name.startswith("rpcfw_bus_")
        }
        assert counted == {
            "rpcfw_bus_connections_lost_total": 1,
            "rpcfw_bus_too_large_total": 1,
            "rpcfw_bus_refused_total": 1,
        }


class TestSecrets(World):
    def test_a_password_file_is_read_again(self):
        """
        A connection is made with what the file says then.
        """
        file = temporary_folder(self) / "password"
        file.write_text("first\n")
        place = self.serve()
        self.started(user="u", password_file=str(file))
        assert b'"pass":"first"' in place.connections[0].received
        file.write_text("second\n")
        self.advance(2)
        place.connections[0].transport.loseConnection()
        self.advance(1)
        assert b'"pass":"second"' in place.connections[1].received

    def test_an_empty_password_file(self):
        """
        A bus whose file holds nothing does not start.
        """
        file = temporary_folder(self) / "password"
        file.write_text("\n")
        bus = NATSBus(options_of(NATSOptions, password_file=str(file)), plugin_context(self.clock))
        failure = self.failureResultOf(spawn(bus.start()), SetupError)
        assert "expected one line with the password" in str(failure.value)
