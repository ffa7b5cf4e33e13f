"""
Calls, errors and who calls whom, as the console finds them at admin ports.
"""

from __future__ import annotations

import pytest

from tests.lab.browser import Browser, console_of
from tests.lab.services import Greeter


@pytest.fixture
def shop(lab):
    """
    A consumer that calls a provider; both have an admin port.
    """
    sets = ["admin.listen=memory:admin-a", "server.tags=admin=memory:admin-a, application=greeters"]
    lab.serve(Greeter("a"), name="a", sets=sets)
    return lab.consumer("admin.listen=memory:admin-shop", name="shop")


@pytest.fixture
def browser(lab, shop):
    console = console_of(lab, admin="memory:admin-shop", poll_interval="5s")
    browser = Browser(lab, console)
    browser.log_in("viewer")
    yield browser
    lab.run(console.stop())


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
