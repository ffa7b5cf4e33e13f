"""
Documents in the config centre of a real ZooKeeper: consumers in Java and in Python obey alike.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from ipaddress import IPv4Address

import pytest
from kazoo.client import KazooClient

from tests.house.tree import ROOT
from tests.real.commands import Module, Running, address_in
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

COMMON = """\
[app]
name = {role}
python_path = {root}

[registry]
plugin = zookeeper
layout = dubbo
address = {address}
session_timeout = 2s
"""

PROVIDER = """\
[server]
protocols = native, grpc, dubbo
services = tests.interop.ruled_orders:OrderService
version = 1.0.0
"""

CONSUMER = """\
[client]
protocols = dubbo
routers = group, dubbo
removal_grace = 0s

[router group]
versions = 1.0.0

[protocol dubbo]
version = *
group = *
"""

CONSUMERS = {"java-loop", "python-consumer"}
#: So many calls of each consumer show where its calls go.
_SOME = 50
#: However slow the machine, a document that is not obeyed by then never is.
_LIMIT_S = 120

#: Documents after which all calls go to the first of two providers, by their names.
DOCUMENTS = {
    "com.acme.OrderService:1.0.0:.condition-router": """\
configVersion: v3.0
scope: service
force: true
enabled: true
runtime: true
key: com.acme.OrderService:1.0.0
conditions:
  - "method=s*,get => port={first}"
""",
    "python-provider.tag-router": """\
configVersion: v3.0
force: true
enabled: true
runtime: true
key: python-provider
tags:
  - name: gray
    # Dubbo compares no address of loopback but in a network.
    addresses: ["127.0.0.2/32"]
""",
    "python-provider.configurators": """\
configVersion: v3.0
scope: application
enabled: true
key: python-provider
configs:
  - side: provider
    addresses: ["{second}"]
    parameters:
      disabled: true
""",
}


@pytest.fixture
def server(java_peers):
    """
    A ZooKeeper server with nothing in it.
    """
    require_zookeeper()
    server = ZooKeeperServer()
    server.serve()
    yield server
    server.remove()


@pytest.fixture
def admin(server):
    """
    What writes documents.
    """
    client = KazooClient(server.address)
    client.start()
    yield client
    client.stop()
    client.close()


class Provider(Running):
    limit_s = _LIMIT_S


def ini(tmp_path, server, role, text):
    path = tmp_path / f"{role}.ini"
    path.write_text(COMMON.format(role=role, root=ROOT, address=server.address) + text)
    return path


def serving(path, host):
    """
    Start a provider at an address of this machine; return it, and host and port as announced.
    """
    # Java replaces an address that begins with 127.
    number = int(IPv4Address(host))
    places = f"server.listen=tcp:{host}:0", f"server.advertise=tcp:{number}:0"
    sets = [word for place in places for word in ("--set", place)]
    provider = Provider("serve", "-c", path, *sets, "--log-level", "critical")
    return provider, number, address_in(provider.line()).rpartition(":")[2]


def callers(provider):
    """
    Return how often applications have called a provider since it was asked last.
    """
    provider.send(signal.SIGUSR1)
    line = provider.line()
    assert line, provider.wait()
    return Counter(json.loads(line))


def until_both_call(provider):
    """
    Return when each consumer has made some calls to a provider.
    """
    end, calls = time.monotonic() + _LIMIT_S, Counter()
    while any(calls[name] < _SOME for name in CONSUMERS):
        calls += callers(provider)
        assert time.monotonic() < end, f"one of them does not call it: {calls}"


def until_none_calls(provider, other):
    """
    Return when both call the other provider, and this one not at all.
    """
    end, left = time.monotonic() + _LIMIT_S, Counter()
    while True:
        callers(provider)
        until_both_call(other)
        left = callers(provider)
        if not left:
            return
        assert time.monotonic() < end, f"calls go on: {left}"


def test_consumers_in_both_languages_obey(java_peers, server, admin, tmp_path):
    """
    Both obey from their first call on, follow what is written and removed, and lose no call.
    """
    provider = ini(tmp_path, server, "python-provider", PROVIDER)
    consumer = ini(tmp_path, server, "python-consumer", CONSUMER)
    first, _, port = serving(provider, "127.0.0.1")
    second, host, other = serving(provider, "127.0.0.2")
    with first, second:
        documents = [
            (f"/dubbo/config/dubbo/{name}", text.format(first=port, second=f"{host}:{other}"))
            for name, text in DOCUMENTS.items()
        ]
        path, text = documents[0]
        admin.create(path, text.encode(), makepath=True)
        with (
            java_peers.start("Loop", f"zookeeper://{server.address}") as java,
            Module("tests.interop.dubbo_loop", consumer) as python,
        ):
            until_both_call(first)
            assert not callers(second)
            # Java may not notice that a document goes whose watch it is just setting.
            admin.set(path, text.replace("enabled: true", "enabled: false").encode())
            until_both_call(second)
            for path, text in documents[1:]:
                admin.create(path, text.encode())
                until_none_calls(second, first)
                admin.delete(path)
                until_both_call(second)
            java.ask("")
            assert java.line("FAILED") == "FAILED 0 "
            _, out, err = python.end()
            assert out.splitlines()[-1].strip() == "FAILED 0", err
