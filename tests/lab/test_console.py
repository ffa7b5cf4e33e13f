"""
The console in a browser: login, sessions, lists, and what is refused.
"""

from __future__ import annotations

import pytest

from tests.lab.browser import Browser, console_of
from tests.lab.services import Greeter


@pytest.fixture
def console(lab):
    console = console_of(lab)
    yield console
    lab.run(console.stop())


@pytest.fixture
def browser(lab, console):
    return Browser(lab, console)


def test_a_page_without_a_session_is_the_login(browser):
    """
    Whoever is not logged in sees the login, and then the page that was asked for.
    """
    answer = browser.get("/service?name=demo.Greeter")
    assert 303 == answer.status
    assert "/login?next=/service%3Fname%3Ddemo.Greeter" == answer.location

    form = {"name": "viewer", "password": "correct horse battery"}
    answer = browser.ask("POST", "/login", {**form, "next": "/service?name=demo.Greeter"})
    assert (303, "/service?name=demo.Greeter") == (answer.status, answer.location)


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "/\\evil", "/login"])
def test_a_login_leads_to_no_other_site(browser, back):
    """
    After the login a browser is sent to a page of the console, whatever the form says.
    """
    form = {"name": "viewer", "password": "correct horse battery", "next": back}
    assert "/" == browser.ask("POST", "/login", form).location


def test_a_wrong_password(browser):
    """
    A wrong password and an unknown user get the same answer.
    """
    first = browser.log_in("viewer", "wrong")
    second = browser.log_in("nobody", "wrong")
    assert (401, 401) == (first.status, second.status)
    assert first.text.replace("viewer", "") == second.text.replace("nobody", "")
    assert {} == browser.cookies


def test_many_attempts_are_refused(lab, browser):
    """
    After ten failures within a minute no password of the same address is looked at.
    """
    for _ in range(10):
        assert 401 == browser.log_in("viewer", "wrong").status
    assert 429 == browser.log_in("viewer").status
    lab.advance(61)
    assert 303 == browser.log_in("viewer").status


def test_cookies_are_for_this_site_alone(browser):
    """
    No script reads the cookie of a session, and no form of another site sends it.
    """
    (cookie,) = browser.log_in("viewer").cookies
    assert "; HttpOnly; SameSite=Lax" in cookie


def test_cookies_over_https(lab):
    """
    With HTTPS the cookie is sent over nothing else, and bound to the host.
    """
    console = console_of(lab, secure_cookies="yes")
    (cookie,) = Browser(lab, console).log_in("viewer").cookies
    lab.run(console.stop())
    assert cookie.startswith("__Host-rpcfw-console=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


def test_a_session_ends(lab, browser):
    """
    A session ends when it was idle for long, when it is old, and when its user says so.
    """
    browser.log_in("viewer")
    lab.advance(29 * 60)
    assert 200 == browser.get("/").status
    lab.advance(31 * 60)
    assert 303 == browser.get("/").status

    browser.log_in("viewer")
    for _ in range(24):
        lab.advance(20 * 60)
        last = browser.get("/")
    assert 303 == last.status

    browser.log_in("viewer")
    kept = dict(browser.cookies)
    assert 303 == browser.post("/logout").status
    browser.cookies = kept
    assert 303 == browser.get("/").status


def test_a_live_page_keeps_no_session_alive(lab, browser):
    """
    What the script of a page asks for is no sign that somebody sits there.
    """
    browser.log_in("viewer")
    for _ in range(4):
        lab.advance(10 * 60)
        last = browser.get("/", [("X-Console-Update", "1")])
    assert 401 == last.status


def test_a_stream_that_is_opened_again_keeps_no_session_alive(lab, browser):
    """
    A browser opens a stream of events again by itself, as after a proxy has closed it.
    """
    browser.log_in("viewer")
    for _ in range(4):
        lab.advance(10 * 60)
        wire = browser.send("GET", "/events", headers=[("Accept", "text/event-stream")])
        lab.advance(1)
        wire.transport.loseConnection()
        lab.advance(1)
    assert wire.received.startswith(b"HTTP/1.1 303")


def test_services_and_instances(lab, browser):
    """
    A service is listed with its instances, and found by its name, an address or a tag.
    """
    lab.serve(Greeter("a"), name="a", sets=["server.version=2.0", "server.tags=disk=slow"])
    browser.log_in("viewer")
    lab.advance(11)
    assert "demo.Greeter" in browser.get("/").text
    assert "memory:a" in browser.get("/?q=disk%3Dsl").text
    page = browser.get("/service?name=demo.Greeter").text
    assert [] == [text for text in ("memory:a", "2.0", "disk=slow") if text not in page]
    assert 404 == browser.get("/service?name=demo.Greter").status
    assert 404 == browser.get("/instance?service=demo.Greeter&id=none").status


def test_headers_close_the_known_holes(browser):
    """
    No page can be shown in a frame, run a script of others, or stay in a cache.
    """
    browser.log_in("viewer")
    headers = browser.get("/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert "DENY" == headers["x-frame-options"]
    assert "nosniff" == headers["x-content-type-options"]
    assert "no-store" == headers["cache-control"]


def test_a_form_of_another_site(browser):
    """
    A form without the token of the session is refused, and so is one that another site sends.
    """
    browser.log_in("viewer")
    assert 403 == browser.ask("POST", "/logout", {"csrf": "guessed"}).status
    form = {"csrf": browser.csrf}
    assert 400 == browser.ask("POST", "/logout", form, [("Origin", "https://evil")]).status
    assert 400 == browser.ask("POST", "/logout", form, [("Origin", "http://[")]).status
    assert 400 == browser.ask("POST", "/logout", form, [("Origin", "null")]).status
    assert 400 == browser.ask("POST", "/logout", form, [("Sec-Fetch-Site", "cross-site")]).status
    assert 200 == browser.get("/").status
    assert 303 == browser.ask("POST", "/logout", form, [("Origin", "http://console")]).status


@pytest.mark.parametrize(
    "head",
    [
        "Host: evil.example",
        "Host: console.evil.example:2280",
        "Host: console\r\nHost: evil.example",
        "Accept: */*",
    ],
)
def test_a_request_to_another_name(lab, browser, head):
    """
    A page of somebody else whose name leads to this machine cannot read, nor try passwords.
    """
    wire = browser.wire()
    wire.transport.write(f"GET /login HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n".encode())
    lab.until(lambda: wire.lost)
    assert wire.received.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))
    assert b"password" not in wire.received


def test_the_audit_trail_is_for_admins(browser):
    """
    A viewer does not see the audit trail; an admin does, with the logins.
    """
    browser.log_in("viewer")
    assert 403 == browser.get("/audit").status
    browser.log_in("admin")
    assert "log in" in browser.get("/audit").text


@pytest.mark.parametrize(
    "path", ["/static/../options.py", "/static/%2e%2e/options.py", "/..%2f", "//etc/passwd", "*"]
)
def test_no_path_reaches_the_file_system(browser, path):
    """
    Paths are compared with those of the pages; whatever else they are, there is no such page.
    """
    browser.log_in("viewer")
    assert 404 == browser.get(path).status


def test_files_for_everybody(browser):
    """
    The style sheet, the script and the icon need no login.
    """
    for name in ("console.css", "console.js", "icon.svg"):
        assert 200 == browser.get(f"/static/{name}").status
