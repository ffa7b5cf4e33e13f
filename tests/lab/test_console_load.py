"""
Calls, errors and who calls whom, as the console finds them at admin ports.
"""

from __future__ import annotations

import pytest

from rpcfw.console.admin_ports import AdminPorts
from rpcfw.console.announced_ports import AnnouncedPorts
from rpcfw.console.fleet import Fleet
from rpcfw.console.inspected import Inspected, InspectedMethod
from rpcfw.values.address import Address
from tests.lab.browser import Browser, console_of
from tests.lab.services import Greeter

SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def shop(lab):
    """
    A consumer that calls a provider; both have an admin port.
    """
    sets = ["admin.listen=memory:admin-a", "server.tags=admin=memory:admin-a, application=greeters"]
    lab.serve(Greeter("a"), name="a", sets=sets)
    return lab.consumer("admin.listen=memory:admin-shop", name="shop")


@pytest.fixture
def console(lab, shop):
    console = console_of(lab, admin="memory:admin-shop", poll_interval="5s")
    yield console
    lab.run(console.stop())


@pytest.fixture
def browser(lab, console):
    browser = Browser(lab, console)
    browser.log_in("viewer")
    return browser


def call(lab, shop, count):
    for _ in range(count):
        lab.run(shop.application.client(Greeter).say("bob"))


def test_calls_of_services(lab, shop, browser):
    """
    The page has the calls of each service in a second, and of each method.
    """
    call(lab, shop, 1)
    lab.advance(21)
    call(lab, shop, 20)
    lab.advance(5)
    page = browser.get("/live").text
    assert "demo.Greeter" in page
    assert '<td class="number" data-title="Calls/s">4.0</td>' in page
    assert "memory:admin-shop" in page
    service = browser.get("/service?name=demo.Greeter").text
    assert '<td data-title="Phase">announced</td>' in service
    assert ">say</td>" in browser.get("/live?service=demo.Greeter").text


def test_who_calls_whom(lab, shop, browser):
    """
    The graph has an arrow from the consumer to the application that serves the service.
    """
    call(lab, shop, 1)
    lab.advance(21)
    page = browser.get("/graph").text
    assert "<svg" in page
    assert "shop → greeters" in page
    assert "shop → greeters" in browser.get("/graph?name=demo.Greeter").text
    assert "shop → greeters" not in browser.get("/graph?name=demo.Other").text


def test_consumers_without_an_admin_port(lab, browser, console, monkeypatch):
    """
    The graph of a service has the applications that the registry lists, but not the console.
    """
    asked = []

    async def consumers(service):
        asked.append(service)
        return ("console", "web<b>")

    monkeypatch.setattr(console.application.registry, "consumers", consumers)
    lab.advance(21)
    for _ in range(3):
        page = browser.get("/graph?name=demo.Greeter").text
    assert "web<b> → greeters: listed in the registry" in page
    assert "console → " not in page
    assert "not known" in page
    assert "web<b>" not in browser.get("/graph").text
    assert ["demo.Greeter"] == asked


def test_a_port_that_does_not_answer(lab):
    """
    The page says which port does not answer, and why.
    """
    console = console_of(lab, admin="memory:nobody", poll_interval="5s")
    browser = Browser(lab, console)
    browser.log_in("viewer")
    lab.advance(1)
    assert "cannot connect" in browser.get("/live").text
    lab.run(console.stop())


def test_live_pages_learn_of_changes(lab, shop, browser):
    """
    A stream has an event after a change, a heartbeat, and ends with the session.
    """
    wire = browser.send("GET", "/events")
    lab.until(lambda: b"changed" in wire.received, 30.0)
    assert b"content-type: text/event-stream" in wire.received.lower()
    lab.advance(16)
    assert b": \n\n" in wire.received
    browser.post("/logout")
    lab.advance(1)
    assert wire.received.endswith(b"0\r\n\r\n")
    wire.transport.loseConnection()
    lab.advance(1)


def test_all_streams_of_a_session_end_with_it(lab, browser):
    """
    Whoever logs out in one of several windows is logged out in all of them.
    """
    wires = [browser.send("GET", "/events") for _ in range(3)]
    lab.advance(1)
    browser.post("/logout")
    lab.advance(1)
    assert [True] * 3 == [wire.received.endswith(b"0\r\n\r\n") for wire in wires]


def test_streams_are_bounded(lab, browser):
    """
    One user has ten live pages at most, of all sessions; a further one is not updated.
    """
    wires = [browser.send("GET", "/events") for _ in range(6)]
    browser.log_in("viewer")
    wires += [browser.send("GET", "/events") for _ in range(5)]
    lab.advance(1)
    statuses = [wire.received.split(b" ")[1] for wire in wires]
    assert [b"200"] * 10 + [b"204"] == statuses
    for wire in wires:
        wire.transport.loseConnection()
    lab.advance(1)
    again = browser.send("GET", "/events")
    lab.advance(1)
    assert again.received.startswith(b"HTTP/1.1 200")
    again.transport.loseConnection()
    lab.advance(1)


def test_a_process_with_two_ports_counts_once(lab):
    """
    Calls of a process that is reached under two addresses are not added up.
    """
    lab.serve(Greeter("a"), name="a", sets=["admin.listen=memory:admin-a, memory:admin-b"])
    shop = lab.consumer(name="shop")
    console = console_of(lab, admin="memory:admin-a, memory:admin-b", poll_interval="5s")
    browser = Browser(lab, console)
    browser.log_in("viewer")
    call(lab, shop, 1)
    lab.advance(21)
    call(lab, shop, 20)
    lab.advance(5)
    page = browser.get("/live").text
    assert '<td class="number" data-title="Calls/s">4.0</td>' in page
    assert '<td class="number" data-title="Processes">1</td>' in page
    assert "the same process as memory:admin-a" in page
    lab.run(console.stop())


def test_a_port_that_asks_for_an_identity(lab, tmp_path):
    """
    The console sends it the credentials for admin ports, and those of other services to nobody.
    """
    keys, others = tmp_path / "keys", tmp_path / "others"
    for path, name in ((keys, "ann"), (others, "eve")):
        path.write_text(f"{name}-1 {name} {SECRET}\n")
        path.chmod(0o600)
    sets = ["admin.listen=memory:admin-a", "admin.authenticators=hmac"]
    sets += [f"authenticator hmac.secrets={keys}"]
    sets += ["admin.access=allow identity=hmac:ann & page=inspect"]
    lab.serve(Greeter("a"), name="a", sets=sets)
    general = ["credentials.plugin=hmac", f"credentials.secrets={others}"]
    own = ["credentials rpcfw.Admin.plugin=hmac", f"credentials rpcfw.Admin.secrets={keys}"]
    for given, said in ((general, "401 "), ([*general, *own], "announced")):
        console = console_of(lab, *given, admin="memory:admin-a", poll_interval="5s")
        browser = Browser(lab, console)
        browser.log_in("viewer")
        lab.advance(1)
        assert said in browser.get("/live").text
        lab.run(console.stop())


def test_head_of_the_events(lab, browser):
    """
    A request for the head of the stream gets the head, and takes no place of a stream.
    """
    wire = browser.send("HEAD", "/events", headers=[("Connection", "close")])
    lab.until(lambda: wire.lost)
    assert wire.received.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: text/event-stream" in wire.received.lower()
    assert wire.received.endswith(b"\r\n\r\n")


class Flood:
    """
    Admin ports that all answer with large tables.
    """

    def __init__(self, large):
        self.large = large
        self.said = Inspected(methods=[InspectedMethod("server", "demo.A", "say")])
        self.huge = Inspected(methods=[InspectedMethod("server", "a" * 2000, "b" * 2000)] * 2000)

    async def inspect(self, address):
        return (self.huge if address.port < self.large else self.said), 1000


def test_what_all_ports_announce_is_bounded(lab):
    """
    When the tables of all ports are too large, the largest ones are dropped, and no others.
    """
    runtime = lab.consumer(name="console").application.runtime
    fleet = Fleet(None, 1.0, 10, runtime.clock, lambda: None)
    listed = [Address("tcp", "10.0.0.5", number) for number in range(200)]
    announced = AnnouncedPorts([])
    ports = AdminPorts(runtime, Flood(100), fleet, listed, announced, 5.0, lambda: None)
    lab.run(ports.look())
    kept = [one.address.port for one in ports.processes if one.said is not None]
    assert {*range(100, 200)} <= {*kept}
    assert 256 << 20 >= sum(one.size for one in ports.processes)
    dropped = [one.error for one in ports.processes if one.said is None]
    assert dropped
    assert all("more than 256 MiB" in error for error in dropped)
