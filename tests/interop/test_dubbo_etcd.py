"""
Apache Dubbo in Java, with its extension for etcd, and rpcfw find each other in a real etcd.
"""

from __future__ import annotations

import signal
from urllib.parse import unquote

import pytest

from tests.house.tree import ROOT
from tests.interop.java_peers import HOST, NUMBER
from tests.real.commands import Module, Running, address_in
from tests.real.etcd_server import EtcdMember, etcdctl
from tests.real.ports import free_ports
from tests.requirements import require_etcd

SERVICE = "com.acme.OrderService"

COMMON = """\
[app]
name = python-{role}
python_path = {root}

[registry]
plugin = etcd
layout = dubbo
address = {address}
lease = 2s
"""

PROVIDER = """\
[server]
listen = tcp:127.0.0.1:0
advertise = tcp:{host}:0
protocols = native, grpc, dubbo
services = tests.interop.noting_orders:OrderService
version = 1.0.0
"""

CONSUMER = """\
[client]
protocols = dubbo

[protocol dubbo]
version = *
group = *
"""


@pytest.fixture
def peers(java_peers_with_etcd):
    """
    The peers in Java, with the extension for etcd.
    """
    require_etcd()
    return java_peers_with_etcd


@pytest.fixture
def server():
    """
    An etcd member with nothing in it.
    """
    require_etcd()
    server = EtcdMember()
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


def serving(ini):
    """
    Start our provider; return it when it is announced.
    """
    provider = Running("serve", "-c", ini, "--log-level", "critical")
    assert address_in(provider.line())
    return provider


def serving_in_java(peers, server):
    """
    Start a provider in Java; return it when it is announced.
    """
    (port,) = free_ports(1)
    provider = peers.start("Provider", HOST, str(port), f"etcd3://{server.address}", NUMBER)
    provider.line("READY")
    return provider


def result_of(loop):
    """
    Have a consumer in Java stop; return its last line.
    """
    line = loop.ask("")
    return line if line.startswith("FAILED") else loop.line("FAILED")


def applications(server, category):
    """
    Return which applications are in a category.
    """
    prefix = f"/dubbo/{SERVICE}/{category}/"
    keys = etcdctl(server, "get", "--prefix", "--keys-only", prefix).split()
    urls = [unquote(key.removeprefix(prefix)) for key in keys]
    return sorted(url.partition("application=")[2].split("&")[0] for url in urls)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_consumer_in_java(peers, server, provider_ini, number):
    """
    It finds providers in Python, follows who comes and goes, and loses no call.
    """
    with (
        serving(provider_ini) as first,
        peers.start("Loop", f"etcd3://{server.address}") as loop,
    ):
        assert "READY hi bob" == loop.line("READY")
        with serving(provider_ini) as second:
            assert "CALLED" == second.line()
            assert ["java-loop"] == applications(server, "consumers")
            first.end(number)
            for _ in range(3):
                loop.line("MADE")
            result = result_of(loop)

    assert "FAILED 0" == result.strip()


@pytest.mark.parametrize("leave", ["end", "kill"])
def test_a_consumer_in_python(peers, server, consumer_ini, leave):
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
            assert ["java-provider", "java-provider"] == applications(server, "providers")
            assert ["python-consumer"] == applications(server, "consumers")
            getattr(first, leave)()
            for _ in range(10):
                assert "MADE" in loop.line()
            _, out, err = loop.end()

    assert "FAILED 0" == out.splitlines()[-1].strip(), err
