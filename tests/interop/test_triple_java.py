"""
Triple with Apache Dubbo in Java: wrapped calls with Hessian, and streams of Protobuf messages.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.interop.java_peers import HOST
from tests.interop.test_dubbo_java import EMPTY, GENERIC, ORDER, STACK, checks_in, free_port
from tests.real.commands import LIMIT_S, Running, address_in, environment, rpcfw

PROVIDER = """\
[app]
name = python-provider
python_path = {root}

[server]
listen = tcp:127.0.0.1:0
protocols = native, grpc, tri, dubbo
services = tests.interop.dubbo_orders:OrderService, tests.interop.triple_greeter:Greeter
version = 1.0.0

[registry]
plugin = memory

# Consumers in Java accept gzip: the longer responses are compressed.
[compression]
plugin = gzip
threshold = 100B
"""

CONSUMER = """\
[app]
name = python-consumer

[registry]
plugin = static
instances =
    com.acme.OrderService = tcp:127.0.0.1:{port} protocols=tri
    demo.Greeter = tcp:127.0.0.1:{port} protocols=tri

[client]
protocols = tri

[protocol tri]
version = 1.0.0
"""


# Consumers in Java.


@pytest.fixture(scope="module")
def provider_port(tmp_path_factory):
    """
    The port of our provider, which speaks all protocols.
    """
    ini = tmp_path_factory.mktemp("provider") / "provider.ini"
    ini.write_text(PROVIDER.format(root=ROOT))
    with Running("serve", "-c", ini, "--log-level", "critical") as provider:
        yield address_in(provider.line()).rpartition(":")[2]


@pytest.fixture(scope="module")
def consumed(java_peers, provider_port):
    """
    What a consumer in Java got of our provider.
    """
    with java_peers.start("Consumer", f"{HOST}:{provider_port}", "tri") as consumer:
        return checks_in(consumer.end())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("say", "hi bob"),
        ("overloaded", "hi number 7"),
        ("pojo", ORDER),
        ("list", f"[0 c0 {EMPTY}, 1 c1 {EMPTY}, 2 c2 {EMPTY}]"),
        ("echoed", "true"),
        ("cycle", "first second true"),
        ("decimal", "-12.50"),
        ("enum", "SHIPPED"),
        ("date", "1700000001123"),
        ("map", "{count=4, int=1, list=[x, 2.5, true], long=1099511627776, null=null}"),
        ("bytes", "cba"),
        ("null", "null"),
        ("exception", "5 are too many sku-1 3"),
        ("attachment", "trace=t-1 from java-consumer python"),
        ("after the timeout", "hi again"),
        ("async", "hi async"),
        ("generic", "hi bob"),
        ("generic pojo", GENERIC),
    ],
)
def test_a_consumer_in_java(consumed, name, expected):
    """
    It gets what a provider in Java would have sent.
    """
    assert expected == consumed[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("crash", "RuntimeError in "),
        ("timeout", "raised org.apache.dubbo.rpc."),
        (
            "generic exception",
            "raised org.apache.dubbo.rpc.service.GenericException: com.acme.OutOfStock: 5 are too",
        ),
        ("unknown method", "com.acme.OrderService has no method 'fly'; it has: all, "),
        ("wrong version", "served here in version 1.0.0, and was called in version 9.9.9"),
    ],
)
def test_failures_at_a_consumer_in_java(consumed, name, expected):
    """
    It gets an exception that it knows, with a text that says why.
    """
    assert expected in consumed[name]


def test_a_consumer_with_protobuf(java_peers, provider_port):
    """
    A consumer in Java calls and streams Protobuf messages, on the same port.
    """
    with java_peers.start("StreamConsumer", f"{HOST}:{provider_port}") as consumer:
        found = checks_in(consumer.end())

    assert {
        "greet": "hi bob",
        "count": "[1, 2, 3, 4, 5]",
        "chat": "[re: one, re: two]",
    } == found


# A provider in Java.


@pytest.fixture(scope="module")
def java_port(java_peers):
    """
    The port of a provider in Java.
    """
    port = free_port()
    with java_peers.start("TripleProvider", HOST, str(port)) as provider:
        provider.line("READY")
        yield port


@pytest.fixture(scope="module")
def consumer_ini(java_port, tmp_path_factory):
    """
    The configuration of our clients.
    """
    ini = tmp_path_factory.mktemp("consumer") / "consumer.ini"
    ini.write_text(CONSUMER.format(port=java_port))
    return ini


def checks_of(program, ini):
    """
    Return the results that one of our programs prints.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"tests.interop.{program}", ini],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert 0 == done.returncode, done.stderr
    return checks_in(done.stdout)


@pytest.fixture(scope="module")
def provided(consumer_ini):
    """
    What our client got of a provider in Java.
    """
    return checks_of("dubbo_caller", consumer_ini)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("say", "'hi bob'"),
        ("overloaded", "'hi number 7'"),
        ("echoed", "True"),
        ("list", "True"),
        ("cycle", "('first', 'second', True)"),
        ("decimal", "Decimal('25.00')"),
        ("enum", "<State.SHIPPED: 'SHIPPED'>"),
        ("date", "datetime.timedelta(seconds=1)"),
        ("map", "{'count': 3, 'a': 1, 'longs': 1, 'b': [1, 2.5, None], 'c': 3}"),
        ("bytes", "b'cba'"),
        ("null", "None"),
        ("attachments", "('trace=t-1', 'java')"),
        ("exception", "raised UNKNOWN: com.acme.OutOfStock: 5 are too many"),
        ("its class", "('5 are too many', 'sku-1', 3)"),
        ("crash", "raised UNKNOWN: java.lang.IllegalStateException: boom"),
        ("its stack", repr((*STACK, "at peers.Provider.crash"))),
        ("after the timeout", "'hi again'"),
    ],
)
def test_a_provider_in_java(provided, name, expected):
    """
    Our client gets what the provider returns or throws.
    """
    assert expected == provided[name]


def test_a_pojo_of_java(provided):
    """
    Each field of a POJO is read as its annotation says.
    """
    for part in ("id=1099511627776", "'Böb 😀'", "State.NEW", "Decimal('12.50')", "'color': 'red'"):
        assert part in provided["pojo"]


def test_a_deadline_at_a_provider_in_java(provided):
    """
    The client waits no longer than its deadline.
    """
    assert provided["timeout"].startswith("raised DEADLINE_EXCEEDED")


def test_a_provider_with_protobuf(consumer_ini):
    """
    Our client calls and streams Protobuf messages at a provider in Java.
    """
    assert {
        "greet": "'hi bob'",
        "count": "['1', '2', '3', '4', '5']",
        "chat": "['re: one', 're: two']",
    } == checks_of("triple_caller", consumer_ini)


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("nothing", '["x"]', '"x"'),
        ("say(int)", "[7]", '"hi number 7"'),
        ("get(long)", "[1099511627776]", '"id":1099511627776'),
    ],
)
def test_the_command_line(java_port, method, arguments, expected):
    """
    ``rpcfw call`` calls a method by its name, or by name and Java types.
    """
    address = f"127.0.0.1:{java_port}"
    flags = ("--protocol", "tri", "--metadata", "version=1.0.0")
    done = rpcfw("call", *flags, address, f"com.acme.OrderService/{method}", arguments)

    assert 0 == done.returncode, done.stderr
    assert expected in done.stdout
