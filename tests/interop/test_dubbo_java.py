"""
Apache Dubbo in Java: a consumer calls our provider, and our client calls a provider.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.interop.java_peers import HOST
from tests.real.commands import LIMIT_S, Module, Running, address_in, environment, rpcfw

PROVIDER = """\
[app]
name = python-provider
python_path = {root}

[server]
listen = tcp:127.0.0.1:0
protocols = native, grpc, dubbo
services = tests.interop.dubbo_orders:OrderService
version = 1.0.0
keepalive = 1s

[registry]
plugin = memory
"""

CONSUMER = """\
[app]
name = python-consumer

[registry]
plugin = static
instances = com.acme.OrderService = tcp:127.0.0.1:{port} protocols=dubbo

[client]
protocols = dubbo

[protocol dubbo]
version = 1.0.0
"""


@pytest.fixture(scope="module")
def provider_ini(tmp_path_factory):
    """
    The configuration of our provider.
    """
    path = tmp_path_factory.mktemp("provider") / "provider.ini"
    path.write_text(PROVIDER.format(root=ROOT))
    return path


def port_of(running):
    """
    Return where our provider listens.
    """
    return address_in(running.line()).rpartition(":")[2]


def checks_in(output):
    """
    Return the results by the names of the checks.
    """
    lines = [line.split("\t") for line in output.splitlines() if line.startswith("CHECK\t")]
    return {name: result for _, name, result in lines}


# A consumer in Java.


@pytest.fixture(scope="module")
def consumed(java_peers, provider_ini):
    """
    What a consumer in Java got of our provider.
    """
    serve = ("serve", "-c", provider_ini, "--log-level", "critical")
    with (
        Running(*serve) as provider,
        java_peers.start("Consumer", f"{HOST}:{port_of(provider)}") as consumer,
    ):
        return checks_in(consumer.end())


GENERIC = (
    "{class=com.acme.Order, created=null, customer=bob, id=5, labels={}, lines=[], paid=false, "
    "price=null, state=null, weight=0.0}"
)
ORDER = "1099511627776 bob NEW 1700000000123 12.50 true 0.5 [a*2] {color=red}"
EMPTY = "null null null false 0.0 [] {}"


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
        ("$echo", "are you there?"),
        ("generic", "hi bob"),
        ("generic pojo", GENERIC),
        ("generic long", "class java.lang.Long"),
        ("idle", "hi after the idle time"),
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
        ("crash", "raised java.lang.RuntimeException: UNKNOWN: RuntimeError in "),
        ("timeout", "raised org.apache.dubbo.rpc.RpcException"),
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_failover(java_peers, provider_ini, number):
    """
    Of two providers one stops, or is killed: a consumer that calls all the time loses no call.
    """
    words = ("serve", "-c", provider_ini, "--log-level", "critical")
    with Running(*words) as first, Running(*words) as second:
        urls = [f"dubbo://{HOST}:{port_of(one)}" for one in (first, second)]
        with java_peers.start("Loop", ";".join(urls)) as loop:
            loop.line("MADE 100")
            first.end(number)
            for _ in range(3):
                loop.line("MADE")
            result = loop.end().splitlines()[-1]

    assert result.strip() == "FAILED 0"


# A provider in Java.


def free_port():
    """
    Return a port that nobody listens at.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def java_port(java_peers):
    """
    The port of a provider in Java.
    """
    port = free_port()
    with java_peers.start("Provider", HOST, str(port)) as provider:
        provider.line("READY")
        yield port


@pytest.mark.parametrize("end", ["end", "kill"])
def test_failover_of_our_client(java_peers, tmp_path, end):
    """
    Of two providers in Java one stops, or is killed: our client loses no idempotent call.
    """
    ports = free_port(), free_port()
    ini = tmp_path / "consumer.ini"
    second = f", tcp:127.0.0.1:{ports[1]} protocols=dubbo\n"
    ini.write_text(
        CONSUMER.format(port=ports[0]).replace("protocols=dubbo\n", f"protocols=dubbo{second}")
    )
    with (
        java_peers.start("Provider", HOST, str(ports[0])) as first,
        java_peers.start("Provider", HOST, str(ports[1])) as other,
    ):
        first.line("READY")
        other.line("READY")
        with Module("tests.interop.dubbo_loop", ini) as loop:
            assert "READY hi bob" == loop.line()
            assert "MADE 100" == loop.line()
            getattr(first, end)()
            for _ in range(3):
                assert "MADE" in loop.line()
            _, out, err = loop.end()

    assert "FAILED 0" == out.splitlines()[-1].strip(), err


@pytest.fixture(scope="module")
def provided(java_port, tmp_path_factory):
    """
    What our client got of a provider in Java.
    """
    ini = tmp_path_factory.mktemp("consumer") / "consumer.ini"
    ini.write_text(CONSUMER.format(port=java_port))
    done = subprocess.run(
        [sys.executable, "-m", "tests.interop.dubbo_caller", ini],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert 0 == done.returncode, done.stderr
    return checks_in(done.stdout)


def test_classes_that_were_written(java_port, tmp_path):
    """
    `rpcfw java-stubs` wrote them from the definition of this provider's interface.
    """
    ini = tmp_path / "consumer.ini"
    ini.write_text(CONSUMER.format(port=java_port))
    done = subprocess.run(
        [sys.executable, "-m", "tests.interop.dubbo_stub_caller", ini],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    said = ["hi bob", "hi number 7", "2023", "[0, 1]", "True", "True", "SHIPPED", "b'cba'"]
    assert [*said, "1", "None"] == done.stdout.splitlines(), done.stderr


STACK = ("java.lang.IllegalStateException", "boom", "java.lang.RuntimeException: the cause")


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


@pytest.mark.parametrize(
    ("method", "arguments", "expected"),
    [
        ("nothing", '["x"]', '"x"'),
        ("say(int)", "[7]", '"hi number 7"'),
        ("get", "[5]", '"customer":"Böb 😀"'),
        ("get(long)", "[1099511627776]", '"id":1099511627776'),
    ],
)
def test_the_command_line(java_port, method, arguments, expected):
    """
    ``rpcfw call`` calls a method by its name, or by name and Java types.
    """
    address = f"127.0.0.1:{java_port}"
    flags = ("--protocol", "dubbo", "--metadata", "version=1.0.0")
    done = rpcfw("call", *flags, address, f"com.acme.OrderService/{method}", arguments)

    assert 0 == done.returncode, done.stderr
    assert expected in done.stdout
