"""
The admin port of a whole process: it is open first, and closed last.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.error import ConnectError

from rpcfw.app.shown_options import shown_options
from rpcfw.errors import CallError, SetupError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method, Shape
from rpcfw_registries.etcd.registry import EtcdRegistry
from tests.admin_site import SitePage
from tests.lab.http_request import Response, connected, get, request_bytes
from tests.lab.services import Greeter, Talker

ADMIN = "admin.listen=memory:admin"


class Slow(Greeter):
    """
    Takes 5 s to be ready, and 5 s to leave.
    """

    async def ready(self):
        await sleep(self.clock, 5.0)

    async def leaving(self):
        await sleep(self.clock, 5.0)


def slow(lab):
    service = Slow()
    service.clock = lab.clock
    return service


def phase(lab, process, path="/readyz"):
    response = lab.run(get(process, f"{path}.json"))
    (facts, *_) = json.loads(response.body).values()
    return response.status, facts.get("phase")


def test_probes_see_each_phase(lab):
    """
    The port is open before the server is announced, and after it has drained.
    """
    process = lab.process("shop", [slow(lab)], ADMIN)
    starting = lab.begin(process.application.start())
    lab.advance(1)

    assert (503, "listening") == phase(lab, process)
    assert (200, "listening") == phase(lab, process, "/livez")
    assert 503 == phase(lab, process, "/healthz")[0]

    lab.finish(starting)
    assert (200, "announced") == phase(lab, process)
    assert 200 == phase(lab, process, "/healthz")[0]

    stopping = lab.begin(process.application.stop())
    lab.advance(1)
    assert (503, "draining") == phase(lab, process)
    assert (200, "draining") == phase(lab, process, "/livez")
    lab.finish(stopping)
    with pytest.raises(ConnectError):
        lab.run(get(process, "/livez"))


class Asking(Greeter):
    """
    Asks whether its own process is ready, before the ports are open.
    """

    async def started(self):
        self.seen = await get(self.process, "/readyz.json")


def test_the_port_is_open_before_anything_is_started(lab):
    """
    A probe is answered while services open what they need.
    """
    service = Asking()
    service.process = lab.process("shop", [service], ADMIN)

    lab.start(service.process)

    assert 503 == service.seen.status
    assert b'"starting"' in service.seen.body


def test_a_process_that_serves_nothing(lab):
    """
    It is ready once it has started.
    """
    process = lab.consumer(ADMIN)

    assert (200, "ready") == phase(lab, process)
    assert 200 == phase(lab, process, "/healthz")[0]


def test_the_health_that_code_sets(lab):
    """
    A service may say that it is ill, or that the whole server is.
    """
    process = lab.serve(Greeter(), sets=[ADMIN])
    health = process.application.server.health
    name = Greeter.service_name

    health.set(name, False)
    assert 503 == lab.run(get(process, f"/healthz?service={name}")).status
    assert 200 == lab.run(get(process, "/readyz")).status
    health.set("", False)
    assert 503 == lab.run(get(process, "/readyz")).status
    assert 200 == lab.run(get(process, "/livez")).status


def test_without_the_option_there_is_no_port(lab):
    """
    By default a process has no admin port.
    """
    process = lab.serve(Greeter())

    assert process.application.admin is None


def test_headers_of_each_response(lab):
    """
    A browser keeps nothing, frames nothing, guesses nothing and loads nothing from elsewhere.
    """
    process = lab.consumer(ADMIN)

    for response in (lab.run(get(process, "/")), lab.run(get(process, "/none"))):
        headers = response.headers
        assert "no-store" == headers["Cache-Control"]
        assert "nosniff" == headers["X-Content-Type-Options"]
        assert "DENY" == headers["X-Frame-Options"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha")
        assert "close" == headers["Connection"]
        assert len(response.body) == int(headers["Content-Length"])


def test_head_has_no_body(lab):
    """
    HEAD is GET without the body.
    """
    process = lab.consumer(ADMIN)

    response = lab.run(get(process, "/livez", "HEAD"))

    assert 200 == response.status
    assert b"" == response.body
    assert "0" != response.headers["Content-Length"]


def sent(lab, process, data):
    """
    Return what comes back for these bytes, once the connection is closed.
    """

    async def sending():
        connection = await connected(process)
        connection.transport.write(data)
        await connection.closed
        return connection.data

    return lab.run(sending())


def test_one_request_a_connection(lab):
    """
    What comes behind a request is dropped: nobody can hide a second one in it.
    """
    process = lab.consumer(ADMIN)

    data = sent(lab, process, request_bytes("/livez") + request_bytes("/readyz"))

    assert 1 == data.count(b"HTTP/1.1 ")
    assert b"live" in data


HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
MALFORMED = {
    "two_lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "length_and_chunks": HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    "signed_length": HEAD + b"Content-Length: +1\r\n\r\na",
    "space_before_colon": b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "large_head": HEAD + (b"X: " + b"a" * 1000 + b"\r\n") * 17 + b"\r\n",
    "many_headers": HEAD + b"X: a\r\n" * 101 + b"\r\n",
    "no_version": b"GET /livez\r\n\r\n",
    "other_version": b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "two_spaces": b"GET  /livez HTTP/1.1\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_requests_are_refused(lab, data):
    """
    A request that two readers could read in two ways gets 400, and the connection is closed.
    """
    process = lab.consumer(ADMIN)

    assert 400 == Response.read(sent(lab, process, data)).status


def test_an_endless_line_is_cut_off(lab):
    """
    A line beyond all limits gets no response.
    """
    process = lab.consumer(ADMIN)

    assert b"" == sent(lab, process, b"GET /" + b"a" * 100_000)


def test_bodies_are_bounded(lab):
    """
    A large body, or one of unknown length, is refused before it comes.
    """
    process = lab.consumer(ADMIN)
    large = b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65537\r\n\r\n"
    chunked = b"POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert 413 == Response.read(sent(lab, process, large + b"a" * 100)).status
    assert 411 == Response.read(sent(lab, process, chunked + b"5\r\nabcde\r\n")).status


def test_a_slow_request_is_cut_off(lab):
    """
    The limit is for the whole request: a byte now and then does not prolong it.
    """
    process = lab.consumer(ADMIN, "admin.request_timeout=5s")
    connection = lab.run(connected(process))
    began_at = lab.clock.seconds()

    for byte in request_bytes("/livez"):
        connection.transport.write(bytes([byte]))
        lab.advance(0.9)
        if connection.closed.called:
            break

    assert connection.closed.called
    assert lab.clock.seconds() - began_at < 7
    assert b"" == connection.data
    assert 0 == process.application.admin.open_connections


async def many(process):
    return [await connected(process) for _ in range(200)]


def test_slow_connections_do_not_keep_out_a_probe(lab):
    """
    Connections that send nothing hold max_connections at most; a probe is answered.
    """
    process = lab.consumer(ADMIN, "admin.max_connections=8", "admin.request_timeout=60s")

    slow = lab.run(many(process))
    assert 200 == lab.run(get(process, "/livez")).status

    assert process.application.admin.open_connections <= 8
    assert 192 <= len([each for each in slow if each.closed.called])
    for each in slow:
        each.transport.abortConnection()
    lab.advance(1)
    assert 0 == process.application.admin.open_connections


def test_a_client_that_reads_nothing_is_cut_off(lab):
    """
    A response that nobody reads does not hold its connection for long.
    """
    process = lab.consumer(ADMIN, "admin.request_timeout=5s")
    connection = lab.run(connected(process))
    connection.transport.pauseProducing()
    connection.transport.write(request_bytes("/"))
    lab.advance(6)

    assert 0 == process.application.admin.open_connections


@pytest.mark.parametrize(
    "where", ["tcp:0.0.0.0:2290", "tcp:10.0.0.7:2290", "tls:example.org:2290", "fd:3", "tcp:[::]:1"]
)
def test_an_address_for_others_is_refused(lab, where):
    """
    Without rules of access the pages are for this machine alone.
    """
    with pytest.raises(SetupError, match="can be reached from other machines"):
        lab.process("shop", [], f"admin.listen={where}")


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ("deny page=satus", "no page is called 'satus'; did you mean 'status'"),
        ("allow page=status,helthz", "did you mean 'healthz'"),
        ("allow page!=mine*", "no page is called 'mine"),
    ],
)
def test_a_rule_about_a_page_that_there_is_not(lab, rule, mistake):
    """
    It is refused when the configuration is read: a page would be open that was to be closed.
    """
    with pytest.raises(SetupError, match=mistake) as caught:
        lab.process("shop", [], ADMIN, f"admin.access=allow host=127.0.0.1\n{rule}")
    assert "line 2 of the rules" in str(caught.value)


def test_rules_about_pages_that_there_are(lab):
    """
    Patterns, the index and pages of a user can be named, and without a port any name can.
    """
    target = f"{Mine.__module__}:{Mine.__name__}"
    more = (f"plugins.pages.mine={target}", "admin.extra_pages=mine")

    lab.process("shop", [], ADMIN, *more, "admin.access=allow page=*z,index,shown,status")
    lab.process("other", [], "admin.access=allow page=another")


def test_the_port_of_the_server_is_taken(lab):
    """
    The error names the section that listens there.
    """
    with pytest.raises(SetupError, match=r"\[server\] listens at tcp:127.0.0.1:2290"):
        lab.process("shop", [], "server.listen=tcp:127.0.0.1:2290", "admin.listen=127.0.0.1:2290")


def config(lab, process):
    found = json.loads(lab.run(get(process, "/config.json")).body)
    rows = (*found["given"], *found["defaults"])
    return {(row["section"], row["option"]): (row["value"], row["source"]) for row in rows}


def test_the_configuration_is_shown_with_its_places(lab, tmp_path):
    """
    Each option has its value and where that came from, be it given or a default.
    """
    process = lab.process(
        "shop",
        [Greeter()],
        ADMIN,
        "client.timeout=7s",
        "client demo.Other.timeout=9s",
        "balancer.plugin=p2c",
    )
    lab.start(process)

    shown = config(lab, process)

    assert ("7s", "--set client.timeout") == shown["client", "timeout"]
    assert ("9s", "--set client demo.Other.timeout") == shown["client demo.Other", "timeout"]
    assert ("p2c", "--set balancer.plugin") == shown["balancer", "plugin"]
    assert ("10s", "default") == shown["server", "drain_timeout"]
    # What a section of a service leaves out is that of all services.
    assert ("client demo.Other", "attempt_timeout") not in shown


def test_what_is_replaced_at_run_time_is_shown(lab):
    """
    An option that the program replaces has its new value.
    """
    process = lab.consumer(ADMIN)

    lab.run(process.application.policies.replace("client", {"timeout": "8s"}))
    lab.run(process.application.policies.replace("client", {"timeout": "5s"}, "demo.Shop"))

    shown = config(lab, process)
    assert ("8s", "replaced at run time") == shown["client", "timeout"]
    process.application.channel("demo.Shop")
    assert ("5s", "replaced at run time") == config(lab, process)["client demo.Shop", "timeout"]


def test_secrets_are_masked(lab):
    """
    A password is in no page, also that of a section that nobody here has declared.
    """
    process = lab.process("shop", [], ADMIN)
    assert process.application.plan.registry is not None
    lab.start(process)
    sources = Sources.load((), {}, ("registry.plugin=etcd", "registry.password=sesame"))
    application = process.application
    application.plan = evolve(application.plan, sources=sources)
    sources.section("registry", EtcdRegistry.Options, extra_keys=("plugin",))

    shown = {
        (each.section, each.name): each.value
        for each in shown_options(application.plan, application.policies, ())
    }

    assert "(secret)" == shown["registry", "password"]
    assert "sesame" not in str(shown)


def test_every_page_of_a_process_that_serves_and_calls(lab):
    """
    All pages can be had of a process in use, in each format.
    """
    process = lab.serve(Greeter(), sets=[ADMIN])
    lab.run(process.application.client(Greeter).say("bob"))

    for name in ("status", "connections", "calls", "config", "threads", "inspect", "healthz"):
        for suffix in ("", ".json", ".html"):
            assert 200 == lab.run(get(process, f"/{name}{suffix}")).status
    status = json.loads(lab.run(get(process, "/status.json")).body)
    sides = {(row["side"], row["method"], row["ended"]) for row in status["methods"]}
    assert {("server", "say", 1), ("client", "say", 1)} == sides
    found = json.loads(lab.run(get(process, "/connections.json")).body)
    assert 1 == len(found["accepted_connections"])
    assert ["healthy"] == [each["health"] for each in found["nodes"]]


def test_a_process_is_known_by_a_random_id(lab):
    """
    It is the same on each page, each time, and another one after the next start.
    """

    def run_id(page):
        return json.loads(lab.run(get(process, page)).body)["process"]["run_id"]

    process = lab.consumer(ADMIN)
    first = {run_id(page) for page in ("/inspect.json", "/inspect.json", "/status.json")}
    lab.run(process.application.stop())
    process = lab.consumer(ADMIN)

    assert re.fullmatch("[0-9a-f]{16}", *first)
    assert run_id("/inspect.json") not in first


def test_a_failed_call_is_found(lab):
    """
    A call that failed is on the page of calls, of both sides.
    """
    talker = Talker()
    talker.say = lambda: None
    process = lab.serve(talker, sets=[ADMIN])
    with pytest.raises(CallError):
        lab.run(process.application.client(Talker).fails("bob"))

    found = json.loads(lab.run(get(process, "/calls.json?kind=failed")).body)["calls"]

    assert {"server", "client"} == {each["side"] for each in found}
    assert {"fails"} == {each["method"] for each in found}


def test_made_up_names_are_on_no_page(lab):
    """
    Whoever makes up names of methods, services and metadata adds no line to any page.
    """
    process = lab.serve(Greeter(), sets=[ADMIN])
    consumer = lab.consumer()
    channel = consumer.application.channel("demo.Greeter")

    def make_up(first, last):
        for number in range(first, last):
            method = Method("demo.Greeter", f"made_up_{number}", Shape.UNARY, Any, Any, "json")
            options = CallOptions(metadata=[(f"x-made-up-{number}", "<script>")])
            with pytest.raises(CallError):
                lab.run(channel.call(method, {}, options))

    def lines():
        pages = [lab.run(get(process, path)).body for path in ("/metrics", "/status", "/calls")]
        assert not [page for page in pages if b"made_up" in page or b"made-up" in page]
        return [page.count(b"\n") for page in pages]

    make_up(0, 1)
    lines()  # each page that is read has a line of its own in /metrics from then on
    before = lines()
    make_up(1, 100)
    assert before == lines()


class Mine(SitePage):
    """
    A page of a user.
    """


def test_a_page_of_a_user(lab):
    """
    ``[plugins]`` makes it known, and ``extra_pages`` adds it to the others.
    """
    target = f"{Mine.__module__}:Mine"
    process = lab.consumer(ADMIN, f"plugins.pages.mine={target}", "admin.extra_pages=mine")

    assert 200 == lab.run(get(process, "/shown")).status
    assert b"/shown" in lab.run(get(process, "/")).body
