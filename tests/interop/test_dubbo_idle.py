"""
Connections between Java and Python that are idle: heartbeats keep them.

To wait for real intervals, of a minute in Java: ``RPCFW_TEST_IDLE=1 pytest FILE``.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.house.tree import ROOT
from tests.interop.dubbo_relay import Relay
from tests.interop.java_peers import HOST, PeerProcess
from tests.real.commands import Running, address_in, environment
from tests.real.ports import free_ports

REAL = "RPCFW_TEST_IDLE" in os.environ
INTERVAL = "60s" if REAL else "1s"
#: Heartbeats to wait for, if they take a minute each.
FEW = 1 if REAL else 0
#: Longer than any test.
NEVER = "10m"
LIMIT_S = 200

SERVER = """\
[app]
python_path = {root}

[server]
listen = tcp:127.0.0.1:0
protocols = dubbo
services = tests.interop.dubbo_orders:OrderService
version = 1.0.0
keepalive = {keepalive}
keepalive_timeout = 3s

[registry]
plugin = memory
"""

CLIENT = """\
[registry]
plugin = static
instances = com.acme.OrderService = tcp:127.0.0.1:{port} protocols=dubbo

[client]
protocols = dubbo

[connection]
keepalive = {keepalive}
keepalive_timeout = 3s

[protocol dubbo]
version = 1.0.0
"""


def milliseconds(interval):
    """
    Return an interval as Java has it.
    """
    number = int(interval[:-1])
    return str(number * (60_000 if interval.endswith("m") else 1000))


def check(relay, caller, sender, count):
    """
    Call, leave the connection idle for so many heartbeats, and call again, on the same connection.
    """
    assert "hi before" == caller.ask("before")
    relay.wait_for_answers(count, LIMIT_S)
    assert "hi after" == caller.ask("after")
    assert 1 == relay.connections
    assert {sender} == set(relay.heartbeats)


@pytest.mark.parametrize(
    ("theirs", "ours", "sender", "count"),
    [
        (INTERVAL, NEVER, "consumer", 1 if REAL else 4),
        (NEVER, INTERVAL, "provider", 1 if REAL else 2),
    ],
    ids=["java", "python"],
)
def test_a_consumer_in_java(java_peers, tmp_path, theirs, ours, sender, count):
    """
    Its heartbeats are answered, and it answers ours. Without answers, either side would close.
    """
    ini = tmp_path / "server.ini"
    ini.write_text(SERVER.format(root=ROOT, keepalive=ours))
    with Running("serve", "-c", ini, "--log-level", "critical") as server:
        port = int(address_in(server.line()).rpartition(":")[2])
        with Relay(port) as relay:
            url = f"dubbo://{HOST}:{relay.port}?heartbeat={milliseconds(theirs)}"
            with java_peers.start("Idle", url) as caller:
                check(relay, caller, sender, count)


def test_a_provider_in_java(java_peers, tmp_path):
    """
    It sends no heartbeats itself, and closes what is silent for three intervals. So ours count.
    """
    (port,) = free_ports(1)
    with java_peers.start("Idle", HOST, str(port), "60000" if REAL else "2000") as provider:
        provider.line("READY")
        with Relay(port) as relay:
            ini = tmp_path / "client.ini"
            ini.write_text(CLIENT.format(port=relay.port, keepalive=INTERVAL))
            command = [sys.executable, "-m", "tests.interop.dubbo_idle", str(ini)]
            with PeerProcess(command, environment()) as caller:
                # The first one begins the connection. More come every 10 s, for the node's health.
                check(relay, caller, "consumer", 8 if REAL else 4)
