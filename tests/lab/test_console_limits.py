"""
Peers of the console that are no browsers: slow, huge, many, or lying.
"""

from __future__ import annotations

import pytest

from tests.lab.browser import Browser, answer_of, console_of


@pytest.fixture
def console(lab):
    console = console_of(
        lab, max_body="64KiB", max_connections="20", max_connections_per_address="1000"
    )
    yield console
    lab.run(console.stop())


@pytest.fixture
def browser(lab, console):
    return Browser(lab, console)


def test_a_huge_form_is_refused_unread(lab, browser):
    """
    A body over the limit is refused by its length; none of it is kept.
    """
    wire = browser.wire()
    head = "POST /login HTTP/1.1\r\nHost: console\r\nContent-Length: 100000000\r\n\r\n"
    wire.transport.write(head.encode() + b"x" * 1000)
    lab.until(lambda: wire.lost)
    assert 413 == answer_of(wire.received).status


def test_a_body_of_unknown_length_is_refused(lab, browser):
    """
    A chunked body has no length that could be checked before it is kept.
    """
    wire = browser.wire()
    head = "POST /login HTTP/1.1\r\nHost: console\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire.transport.write(head.encode() + b"5\r\nname=\r\n0\r\n\r\n")
    lab.until(lambda: wire.lost)
    assert 411 == answer_of(wire.received).status


def test_many_fields_are_refused(browser):
    """
    A form with more fields than any of ours is not read.
    """
    form = {f"field{number}": "" for number in range(201)}
    assert 400 == browser.ask("POST", "/login", form).status
    query = "&".join(f"field{number}=" for number in range(201))
    assert 400 == browser.get(f"/login?{query}").status


def test_a_long_name_is_no_name(browser):
    """
    The name of a failed login is remembered, so one that no user can have is not looked at.
    """
    form = {"name": "a" * 65, "password": "x"}
    assert [400] * 11 == [browser.ask("POST", "/login", form).status for _ in range(11)]
    assert 401 == browser.ask("POST", "/login", {**form, "name": "a" * 64}).status


def test_other_bodies_are_refused(lab, browser):
    """
    Only forms are read, of one type.
    """
    wire = browser.wire()
    head = "POST /login HTTP/1.1\r\nHost: console\r\nContent-Type: multipart/form-data\r\n"
    wire.transport.write(f"{head}Content-Length: 2\r\n\r\n--".encode())
    lab.until(lambda: b"expected a form" in wire.received)
    wire.transport.loseConnection()
    assert 400 == answer_of(wire.received).status


def test_a_slow_request_is_given_up(lab, browser):
    """
    A request has a time limit as a whole, however often a byte of it comes.
    """
    wire = browser.wire()
    began = lab.clock.seconds()
    for byte in b"GET / HTTP/1.1\r\nHost: console\r\nA: " + b"b" * 100:
        wire.transport.write(bytes([byte]))
        lab.advance(1)
        if wire.lost:
            break
    assert wire.lost
    assert 22 > lab.clock.seconds() - began


def test_an_idle_connection_is_closed(lab, browser):
    """
    A connection that is kept open for the next request is closed after a minute without one.
    """
    wire = browser.send("GET", "/login")
    lab.until(lambda: b"</html>" in wire.received)
    lab.advance(59)
    assert not wire.lost
    lab.advance(2)
    assert wire.lost


def test_a_thousand_slow_connections(lab, browser):
    """
    Connections that only wait make place for new ones, so a browser is served all the same.
    """
    slow = [browser.wire() for _ in range(1000)]
    for wire in slow:
        wire.transport.write(b"GET / HT")
    assert 200 == browser.get("/login").status
    lab.advance(1)
    assert 20 >= sum(not wire.lost for wire in slow)
    lab.advance(21)
    assert all(wire.lost for wire in slow)


def test_connections_of_one_address(lab):
    """
    One address has only so many connections; those that wait make place for a new one.
    """
    console = console_of(lab, max_connections_per_address="3")
    browser = Browser(lab, console)
    wires = [browser.wire() for _ in range(4)]
    lab.advance(1)
    assert [True, False, False, False] == [wire.lost for wire in wires]
    assert 200 == browser.get("/login").status
    lab.run(console.stop())
    lab.advance(1)
    assert all(wire.lost for wire in wires)


def test_a_forged_header_is_ignored(lab):
    """
    The header of a proxy is believed from the proxies that are listed, and from nobody else.
    """
    texts = {"user_header": "X-User", "trusted_proxies": "10.0.0.9", "proxy_role": "admin"}
    console = console_of(lab, **texts)
    browser = Browser(lab, console)
    assert 403 == browser.get("/", [("X-User", "admin")]).status
    assert {} == browser.cookies
    lab.run(console.stop())


def test_a_long_header_is_refused(lab, browser):
    """
    Headers over 16 KiB are not kept.
    """
    wire = browser.wire()
    wire.transport.write(b"GET / HTTP/1.1\r\n" + (b"A: " + b"a" * 1000 + b"\r\n") * 20)
    lab.until(lambda: wire.lost)
    assert 400 == answer_of(wire.received).status


def test_requests_are_counted(lab, console, browser):
    """
    Each request counts for its page, with the class of its status. No request makes a new label.
    """
    browser.get("/")  # to the login
    browser.log_in("viewer")
    browser.get("/")
    browser.get("/static/console.css")
    for number in range(3):
        browser.get(f"/made/up/{number}")

    meter = console.runtime.plugin_context.meter
    (family,) = (each for each in meter if each.name == "rpcfw_console_requests_total")
    counts = {labels: member.value for labels, member in family}
    assert {
        ("index", "GET", "3xx"): 1,
        ("index", "GET", "2xx"): 2,  # after the login, too
        ("static", "GET", "2xx"): 1,
        ("other", "GET", "4xx"): 3,
        ("login", "POST", "3xx"): 1,
    }.items() <= counts.items()
    assert not [labels for labels in counts if "made" in str(labels)]
