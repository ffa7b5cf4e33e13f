"""
What a process says of itself, whoever it is.
"""

from __future__ import annotations

import msgspec
import pytest
from twisted.internet.testing import StringTransport

from rpcfw.console.call_graph import call_graph
from rpcfw.console.fleet import Fleet
from rpcfw.console.inspect_client import InspectClient
from rpcfw.console.seen_process import SeenProcess
from rpcfw.errors import RegistryError, Unauthenticated
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.address import Address
from rpcfw.values.metadata import Metadata

OK = b"HTTP/1.1 200 OK\r\n\r\n"


class Endpoint:
    """
    Connects to nothing.
    """

    def __init__(self):
        self.transport = StringTransport()
        self.protocol = None

    def client(self, address, timeout_s):
        return self

    async def connect(self, factory):
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        return self.protocol


@pytest.fixture
def endpoint():
    return Endpoint()


def asked(endpoint, *parts, address="tcp:10.0.0.5:2290", credentials=None):
    """
    Return what is made of a response, or why it is refused.
    """
    results = []
    spawn(InspectClient(endpoint, credentials).inspect(Address.parse(address))).addBoth(
        results.append
    )
    for part in parts:
        endpoint.protocol.dataReceived(part)
    if not results:
        endpoint.protocol.connectionLost()
    if hasattr(results[0], "check"):
        assert results[0].check(RegistryError), results[0]
        return str(results[0].value)
    said, size = results[0]
    assert size == sum(map(len, parts))
    return said


def page(**tables):
    return OK + msgspec.json.encode(tables)


@pytest.mark.parametrize(
    ("address", "host"),
    [("tcp:10.0.0.5:2290", b"10.0.0.5:2290"), ("tcp:[::1]:2290", b"[::1]:2290")],
)
def test_the_request_says_no_more_than_the_host(endpoint, address, host):
    """
    No credentials of the console go to an address that somebody else has announced.
    """
    asked(endpoint, page(), address=address)
    assert b"GET /inspect.json HTTP/1.0\r\nHost: %s\r\n\r\n" % host == endpoint.transport.value()


def test_an_endless_response_is_cut_off(endpoint):
    """
    Over 4 MiB the connection is aborted, and what still comes is not kept.
    """
    said = asked(endpoint, OK, *[b" " * (1 << 20)] * 5)
    assert said == "it sent more than 4194304 bytes"
    assert endpoint.transport.disconnected
    endpoint.protocol.dataReceived(b" " * (1 << 20))
    assert not endpoint.protocol.received


METHOD = {"side": "client", "service": "a", "method": "m"}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"[" * 100_000, b"\x1f\x8b\x08\x00" + b"\0" * 1000),
        b'{"methods":[{"side":"s","service":"a","method":"m","ended":%s}]}' % (b"9" * 4000),
        b'{"methods":[{"side":"s","service":"a","method":"m","p99_ms":1e999}]}',
        msgspec.json.encode({"methods": [{**METHOD, "p99_ms": 1e300}]}),
        msgspec.json.encode({"last_minute": [{**METHOD, "p50_ms": -1.0}]}),
        msgspec.json.encode({"methods": [{**METHOD, "ended": -1}]}),
        msgspec.json.encode({"methods": [{**METHOD, "method": "m" * 5000}]}),
    ],
    ids=[
        *("nothing", "list", "deep", "gzip", "huge number", "infinite", "long time"),
        *("negative time", "negative", "long name"),
    ],
)
def test_what_is_no_such_page(endpoint, body):
    """
    What no process of ours says is refused as a whole.
    """
    assert "cannot be read" in asked(endpoint, OK, body)


def test_tables_are_cut(endpoint):
    """
    A hundred thousand services and methods take no time of the page that shows who calls whom.
    """
    names = [f"s{number}" for number in range(50_000)]
    methods = [{**METHOD, "service": name} for name in names]
    called = [{"service": one} for one in names]
    said = asked(endpoint, page(called_services=called, methods=methods[:20_000]))
    assert (2000, 2000) == (len(said.called_services), len(said.methods))

    seen = SeenProcess(Address("tcp", "10.0.0.5", 1))
    seen.take(said, 1.0)
    fleet = Fleet(None, 1.0, 10, None, lambda: None)
    graph = call_graph(fleet, [seen])
    assert 2000 == len(graph.edges) + graph.left_out


class Sent:
    """
    Credentials of a test.
    """

    def __init__(self, *pairs, refused=False):
        self.pairs = pairs
        self.refused = refused
        self.seen = []

    def metadata(self, call, body, *, path, encrypted):
        self.seen.append((path, body, encrypted))
        if self.refused:
            raise Unauthenticated("a token is sent over TLS only")
        return Metadata(self.pairs)


def test_credentials_are_headers(endpoint):
    """
    A port gets the credentials as the metadata of a call of rpcfw.Admin/inspect.
    """
    credentials = Sent(("authorization", "Bearer x"), ("x-more", "y"))
    asked(endpoint, page(), credentials=credentials)
    lines = endpoint.transport.value().split(b"\r\n")
    assert [b"authorization: Bearer x", b"x-more: y", b"", b""] == lines[2:]
    assert [("rpcfw.Admin/inspect", b"", True)] == credentials.seen


@pytest.mark.parametrize(
    "credentials",
    [
        Sent(refused=True),
        Sent(("x-token", "a\r\nX-Other: b")),
        Sent(("x-token\r\nX-Other", "b")),
        Sent(("x-token-bin", b"ab")),
    ],
)
def test_credentials_that_are_not_sent(endpoint, credentials):
    """
    What may not be sent, or would be another header, is not sent, and nothing else is, either.
    """
    assert "it is not asked: " in asked(endpoint, credentials=credentials)
    assert b"" == endpoint.transport.value()
