"""
From a request to a response.
"""

from __future__ import annotations

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import SetupError
from rpcfw.spi.page import PageRefused, PageResponse
from rpcfw.spi.page_content import Facts, Link, PageContent, Table, TextBlock
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from tests.admin_site import answer, get, page, site_of


def test_a_page_is_found_by_its_path():
    """
    The parameters of the URL reach the page.
    """
    reply = answer(site_of(page()), get("/shown?a=1"))

    assert 200 == reply.status
    assert "text/plain; charset=utf-8" == reply.content_type
    assert b"query  {'a': '1'}\n" == reply.body


def test_the_index_has_every_page():
    """
    ``/`` lists the pages with their titles, and links to them.
    """
    site = site_of(page(), page(path="/other", title="another one"))

    assert b"/other  another one" in answer(site, get("/")).body
    shown = answer(site, get("/", accept="text/html")).body
    assert b'<a href="/other">' in shown


@pytest.mark.parametrize(
    "target",
    ["/none", "/shown/", "/shown/../shown", "//shown", "/%2e%2e/shown", "/SHOWN", "/shown.xml"],
)
def test_what_is_no_page(target):
    """
    Anything else is not found: there are no folders, no files and no second spelling.
    """
    assert 404 == answer(site_of(page()), get(target)).status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get"])
def test_other_methods_are_refused(method):
    """
    Only GET and HEAD read pages; the response says so.
    """
    reply = answer(site_of(page()), get(method=method))

    assert 405 == reply.status
    assert "GET, HEAD" == reply.headers["Allow"]


def test_a_page_that_only_shows_takes_no_post():
    """
    POST is for pages that change something.
    """
    assert 405 == answer(site_of(page()), get(method="POST")).status


def test_a_failed_page_tells_nothing():
    """
    Whoever asks gets 500 without the error. The log has it.
    """

    def render(request):
        raise KeyError("the password is sesame")

    with capturedLogs() as logged:
        reply = answer(site_of(page(render)), get())

    assert 500 == reply.status
    assert b"sesame" not in reply.body
    (event,) = logged
    assert "the admin page /shown failed" == formatEvent(event)
    assert isinstance(event["log_failure"].value, KeyError)


def test_a_page_may_refuse():
    """
    A refusal of a page is the response, with its status and its reason.
    """

    def render(request):
        raise PageRefused(409, "expected a name, got none", 7)

    reply = answer(site_of(page(render)), get(accept="application/json"))

    assert 409 == reply.status
    assert "7" == reply.headers["Retry-After"]
    reason = "expected a name, got none"
    assert {"error": {"status": 409, "reason": reason}} == msgspec.json.decode(reply.body)


def test_a_page_may_make_its_own_response():
    """
    What a page makes itself is sent as it is.
    """
    made = PageResponse(b"a 1\n", "text/openmetrics", 200, {"X-A": "b"})

    reply = answer(site_of(page(lambda request: made)), get())

    assert (b"a 1\n", "text/openmetrics", "b") == (
        reply.body,
        reply.content_type,
        reply.headers["X-A"],
    )


def test_another_host_is_refused():
    """
    A request for another name gets nothing, not even the index.
    """
    for target in ("/", "/shown", "/none"):
        assert 421 == answer(site_of(page()), get(target, host="attacker.example")).status


def test_what_peers_say_is_escaped():
    """
    Text cannot leave its place, in no format.
    """
    evil = "<script>alert(1)</script>\"'\x1b[2J\u202e"
    content = PageContent(
        [
            Facts("facts", {"name": evil}),
            Table("table", ("name", "link"), [(evil, Link(evil, "javascript:alert(1)"))]),
            TextBlock("block", evil),
        ]
    )
    site = site_of(page(lambda request: content))

    shown = answer(site, get("/shown.html")).body.decode()
    assert "<script" not in shown
    assert "javascript:" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    text = answer(site, get("/shown.txt")).body.decode()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert evil == msgspec.json.decode(answer(site, get("/shown.json")).body)["facts"]["name"]


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example", "/a b"])
def test_a_link_leads_to_a_page_of_this_process(target):
    """
    Anything else is text only.
    """
    content = PageContent([Facts("facts", {"name": Link("there", target)})])

    shown = answer(site_of(page(lambda request: content)), get("/shown.html")).body.decode()

    assert "there" in shown
    assert "evil" not in shown
    assert "<td>there</td>" in shown


def test_a_long_text_is_cut():
    """
    A text of a peer cannot fill the page.
    """
    content = PageContent([Facts("facts", {"name": "a" * 1_000_000})])
    site = site_of(page(lambda request: content))

    for target in ("/shown.html", "/shown.txt", "/shown.json"):
        assert len(answer(site, get(target)).body) < 5_000


def test_one_at_a_time():
    """
    A page that takes long is refused while it runs, and can be had afterwards.
    """
    waiting = []

    def render(request):
        waiting.append(Deferred())
        return waiting[-1]

    site, first = site_of(page(render, exclusive=True)), []
    spawn(site.answer(get())).addBoth(first.append)

    refused = answer(site, get())
    assert 503 == refused.status
    assert "Retry-After" in refused.headers
    waiting[0].callback(PageContent([Facts("facts", {})]))
    assert 200 == first[0].status
    spawn(site.answer(get())).addBoth(first.append)
    assert 2 == len(waiting)
    waiting[1].callback(PageContent([Facts("facts", {})]))


def test_a_page_that_takes_too_long_is_given_up():
    """
    What the page waits for is cancelled, and the response is 503.
    """
    clock, cancelled, replies = Clock(), [], []
    context = plugin_context(clock)
    site = site_of(page(lambda request: Deferred(cancelled.append)), context=context)
    spawn(site.answer(get())).addBoth(replies.append)

    clock.advance(121)

    assert 503 == replies[0].status
    assert 1 == len(cancelled)


def test_pages_leave_time_to_calls():
    """
    After a page that took 10 ms the next one waits for 40 ms; a probe does not.
    """
    clock, replies = Clock(), []

    def render(request):
        clock.rightNow += 0.01
        return PageContent([Facts("facts", {})])

    context = plugin_context(clock)
    site = site_of(page(render), page(path="/probe", probe=True), context=context)
    answer(site, get())

    spawn(site.answer(get())).addBoth(replies.append)
    assert 200 == answer(site, get("/probe")).status
    assert [] == replies
    clock.advance(0.039)
    assert [] == replies
    clock.advance(0.002)
    assert 200 == replies[0].status


def test_few_requests_wait():
    """
    More than eight are refused at once, so that connections stay free for probes.
    """
    clock, replies = Clock(), []

    def render(request):
        clock.rightNow += 0.01
        return PageContent([Facts("facts", {})])

    context = plugin_context(clock)
    site = site_of(page(render), page(path="/probe", probe=True), context=context)
    answer(site, get())
    for _ in range(8):
        spawn(site.answer(get())).addBoth(replies.append)

    refused = answer(site, get())

    assert (503, "1") == (refused.status, refused.headers["Retry-After"])
    assert 200 == answer(site, get("/probe")).status
    for _ in range(8):
        clock.advance(0.05)
    assert [200] * 8 == [reply.status for reply in replies]
    assert 200 == answer(site, get("/probe")).status


@pytest.mark.parametrize("path", ["", "status", "/", "/a/b", "/Status", "/a.json", "/a?b", "/_a"])
def test_a_path_is_one_segment(path):
    """
    A page with another path is refused when the site is made.
    """
    with pytest.raises(SetupError, match="expected a path as /status"):
        site_of(page(path=path))


def test_two_pages_with_one_path_are_refused():
    """
    The error names the path.
    """
    with pytest.raises(SetupError, match="the same path /shown"):
        site_of(page(), page())


def test_requests_are_counted():
    """
    Each request counts for its page, with the class of its status. No request makes a new label.
    """
    context = plugin_context()

    def fails(request):
        raise KeyError("a bug")

    site = site_of(page(), page(fails, path="/broken"), context=context)
    for target in ("/shown", "/shown.json?a=1", "/shown", "/", "/broken", "/a", "/b", "/shown/c"):
        answer(site, get(target))
    answer(site, get("/shown", "HEAD"))
    answer(site, get("/shown", "BREW"))

    (family,) = (each for each in context.meter if each.name == "rpcfw_admin_requests_total")
    assert {
        ("shown", "GET", "2xx"): 3,
        ("index", "GET", "2xx"): 1,
        ("broken", "GET", "5xx"): 1,
        ("other", "GET", "4xx"): 3,
        ("shown", "HEAD", "2xx"): 1,
        ("shown", "other", "4xx"): 1,
    } == {labels: member.value for labels, member in family}
