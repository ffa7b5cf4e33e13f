"""
Apache Dubbo in Java and rpcfw find each other in a real ZooKeeper.
"""

from __future__ import annotations

import json
import signal
from urllib.parse import unquote

import pytest
from kazoo.client import KazooClient

from tests.house.tree import ROOT
from tests.interop.java_peers import HOST, NUMBER
from tests.real.commands import Module, Running, address_in, rpcfw
from tests.real.ports import free_ports
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

SERVICE = "com.acme.OrderService"

COMMON = """\
[app]
name = python-{role}
python_path = {root}

[registry]
plugin = zookeeper
layout = dubbo
address = {address}
session_timeout = 2s
"""

PROVIDER = """\
[server]
listen = tcp:127.0.0.1:0
advertise = tcp:{host}:0
protocols = native, grpc, dubbo
services = tests.interop.noting_orders:OrderService
version = 1.0.0
weight = 70
tags = team=shop
"""

CONSUMER = """\
[client]
protocols = dubbo
routers = group

[router group]
versions = 1.0.0

[protocol dubbo]
version = *
group = *
"""


@pytest.fixture
def peers(java_peers):
    """
    The peers in Java.
    """
    require_zookeeper()
    return java_peers


@pytest.fixture
def server():
    """
    A ZooKeeper server with nothing in it.
    """
    require_zookeeper()
    server = ZooKeeperServer()
    server.serve()
    yield server
    server.remove()


@pytest.fixture
def provider_ini(server, tmp_path):
    """
    The configuration of our provider.
    """
    path = tmp_path / "provider.ini"
    common = COMMON.format(role="provider", root=ROOT, address=server.address)
    path.write_text(common + PROVIDER.format(host=HOST))
    return path


@pytest.fixture
def consumer_ini(server, tmp_path):
    """
    The configuration of our consumer.
    """
    path = tmp_path / "consumer.ini"
    path.write_text(COMMON.format(role="consumer", root=ROOT, address=server.address) + CONSUMER)
    return path


@pytest.fixture
def registry(server):
    """
    A client that looks into ZooKeeper.
    """
    client = KazooClient(server.address)
    client.start()
    yield client
    client.stop()
    client.close()


def serving(ini):
    """
    Start our provider; return it when it is announced.
    """
    provider = Running("serve", "-c", ini, "--log-level", "critical")
    assert address_in(provider.line())
    return provider


def serving_in_java(peers, server, mode="all", main="Provider"):
    """
    Start a provider in Java; return it when it is announced.
    """
    (port,) = free_ports(1)
    provider = peers.start(main, HOST, str(port), at(server), NUMBER, mode)
    provider.line("READY")
    return provider


def over_triple(ini):
    """
    Make a configuration one for Triple, and return it.
    """
    text = ini.read_text()
    for old, new in {
        "protocols = native, grpc, dubbo": "protocols = native, grpc, tri",
        "protocols = dubbo": "protocols = tri",
        "[protocol dubbo]": "[protocol tri]",
    }.items():
        text = text.replace(old, new)
    ini.write_text(text)
    return ini


def at(server):
    """
    Return the registry as Java writes it.
    """
    return f"zookeeper://{server.address}"


def result_of(loop):
    """
    Have a consumer in Java stop; return its last line. Its orderly end takes long.
    """
    line = loop.ask("")
    return line if line.startswith("FAILED") else loop.line("FAILED")


def urls(registry, category):
    """
    Return the URLs of a category.
    """
    return [unquote(name) for name in registry.get_children(f"/dubbo/{SERVICE}/{category}")]


def applications(registry, category):
    """
    Return which applications are in a category.
    """
    return sorted(
        url.partition("application=")[2].split("&")[0] for url in urls(registry, category)
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_consumer_in_java(peers, server, registry, provider_ini, number):
    """
    It finds providers in Python, follows who comes and goes, and loses no call.
    """
    with serving(provider_ini) as first, peers.start("Loop", at(server)) as loop:
        assert "READY hi bob" == loop.line("READY")
        with serving(provider_ini) as second:
            assert "CALLED" == second.line()
            assert ["java-loop"] == applications(registry, "consumers")
            first.end(number)
            for _ in range(3):
                loop.line("MADE")
            result = result_of(loop)

    assert "FAILED 0" == result.strip()


def test_a_consumer_in_java_among_both(peers, server, registry, provider_ini):
    """
    With its default settings it calls providers in Python beside some in Java at both levels.

    Those in Python have two protocols at one port, and it calls them over each.
    """
    two = "protocols = native, grpc, tri, dubbo"
    text = provider_ini.read_text().replace("protocols = native, grpc, dubbo", two)
    provider_ini.write_text(text)
    with (
        serving_in_java(peers, server),
        serving(provider_ini) as ours,
        peers.start("Loop", at(server)) as loop,
    ):
        assert "CALLED" == ours.line()
        announced = [url for url in urls(registry, "providers") if f"//{HOST}:" in url]
        assert {"dubbo", "tri"} <= {url.partition(":")[0] for url in announced}
        loop.line("MADE")
        assert "FAILED 0" == result_of(loop).strip()


@pytest.mark.parametrize("leave", ["end", "kill"])
def test_a_consumer_in_python(peers, server, registry, consumer_ini, leave):
    """
    It finds providers in Java, follows who comes and goes, and loses no idempotent call.
    """
    with (
        serving_in_java(peers, server) as first,
        Module("tests.interop.dubbo_loop", consumer_ini) as loop,
    ):
        assert "READY hi bob" == loop.line()
        with serving_in_java(peers, server):
            for _ in range(10):
                assert "MADE" in loop.line()
            assert ["python-consumer"] == applications(registry, "consumers")
            getattr(first, leave)()
            for _ in range(10):
                assert "MADE" in loop.line()
            _, out, err = loop.end()

    assert "FAILED 0" == out.splitlines()[-1].strip(), err


def test_a_provider_in_java_at_application_level_only(peers, server, registry, consumer_ini):
    """
    It is found through mapping, node and its metadata service, and called.
    """
    with serving_in_java(peers, server, "instance"):
        assert not registry.exists(f"/dubbo/{SERVICE}/providers")
        (listed,) = json.loads(rpcfw("ls", "-c", consumer_ini, SERVICE, "--json").stdout)
        called = rpcfw("call", "-c", consumer_ini, f"{SERVICE}/say(java.lang.String)", '["bob"]')

    assert listed["protocols"] == ["dubbo"]
    assert listed["id"] == f"{listed['address'].removeprefix('tcp:')}:1.0.0"
    assert called.stdout.strip() == '"hi bob"', called.stderr


def test_both_are_listed_in_the_same_way(peers, server, registry, provider_ini, consumer_ini):
    """
    Parameters that Java wrote are facts of the instance; ours are where Java looks for them.
    """
    with serving(provider_ini), serving_in_java(peers, server):
        listed = json.loads(rpcfw("ls", "-c", consumer_ini, SERVICE, "--json").stdout)
        found = urls(registry, "providers")

    java, python = sorted(listed, key=lambda one: "native" in one["protocols"])
    assert java["protocols"] == ["dubbo"]
    assert java["id"] == f"{java['address'].removeprefix('tcp:')}:1.0.0"
    assert java["version"] == python["version"] == "1.0.0"
    assert python["weight"] == 70
    assert abs(java["started_at"] - python["started_at"]) < 600
    (ours,) = [url for url in found if HOST in url]
    for parameter in ("team=shop", "weight=70", "version=1.0.0", f"interface={SERVICE}"):
        assert f"&{parameter}&" in f"{ours}&"


def test_a_consumer_in_java_over_triple(peers, server, registry, provider_ini):
    """
    With its default settings it finds providers in Python that speak Triple, and calls them.
    """
    with serving(over_triple(provider_ini)) as ours, peers.start("Loop", at(server)) as loop:
        assert "READY hi bob" == loop.line("READY")
        assert "CALLED" == ours.line()
        loop.line("MADE")
        assert "FAILED 0" == result_of(loop).strip()
        assert all(url.startswith(f"tri://{HOST}:") for url in urls(registry, "providers"))


@pytest.mark.parametrize("mode", ["all", "instance", "interface"])
def test_a_consumer_in_python_over_triple(peers, server, consumer_ini, mode):
    """
    It finds providers in Java that speak Triple, at each level, and calls them.
    """
    ini = over_triple(consumer_ini)
    with serving_in_java(peers, server, mode, "TripleProvider"):
        (listed,) = json.loads(rpcfw("ls", "-c", ini, SERVICE, "--json").stdout)
        called = rpcfw("call", "-c", ini, f"{SERVICE}/say(java.lang.String)", '["bob"]')

    assert listed["protocols"] == ["tri", "grpc"]
    assert called.stdout.strip() == '"hi bob"', called.stderr
