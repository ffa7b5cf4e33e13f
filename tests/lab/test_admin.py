"""
The admin port of a whole process: it is open first, and closed last.
"""

from __future__ import annotations

import json

import pytest
from twisted.internet.error import ConnectError

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.waiting import sleep
from tests.lab.http_request import Response, connected, get, request_bytes
from tests.lab.services import Greeter

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


def test_slow_connections_do_not_keep_out_a_probe(lab):
    """
    A thousand connections that send nothing hold max_connections at most; a probe is answered.
    """
    process = lab.consumer(ADMIN, "admin.max_connections=8", "admin.request_timeout=60s")

    slow = [lab.run(connected(process)) for _ in range(1_000)]
    assert 200 == lab.run(get(process, "/livez")).status

    assert process.application.admin.open_connections <= 8
    assert 992 <= len([each for each in slow if each.closed.called])
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


def test_the_port_of_the_server_is_taken(lab):
    """
    The error names the section that listens there.
    """
    with pytest.raises(SetupError, match=r"\[server\] listens at tcp:127.0.0.1:2290"):
        lab.process("shop", [], "server.listen=tcp:127.0.0.1:2290", "admin.listen=127.0.0.1:2290")
