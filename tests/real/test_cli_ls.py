"""
``rpcfw ls``, of a registry server with a provider.
"""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.real.commands import Running, address_in, registry, rpcfw
from tests.real.ports import free_ports


@pytest.fixture(scope="module")
def addresses():
    """
    The addresses of a registry server and of a provider announced there.
    """
    node, node_at = registry()
    serve = ("serve", "-c", "conf/provider.ini", "--set", "server.zone=a")
    with node, Running(*serve, RPCFW_REGISTRY__ADDRESS=node_at) as provider:
        yield node_at, address_in(provider.line())


def ls(node_at, *arguments):
    """
    List what the node knows.
    """
    command = ("ls", "-c", "conf/consumer.ini", *arguments)
    return rpcfw(*command, RPCFW_REGISTRY__ADDRESS=node_at)


def test_a_table_for_people(addresses):
    """
    Each instance is a line; columns in which nothing stands are left out.
    """
    node_at, provider_at = addresses
    done = ls(node_at)

    assert (0, "") == (done.returncode, done.stderr)
    titles, row = (line.split() for line in done.stdout.splitlines())
    assert ["SERVICE", "ADDRESS", "PROTOCOLS", "WEIGHT", "ZONE"] == titles
    assert ["demo.Greeter", f"tcp:{provider_at}", "native", "100", "a"] == row


def test_json_for_programs(addresses):
    """
    With --json the records come as registries store them.
    """
    node_at, provider_at = addresses
    done = ls(node_at, "demo.Greeter", "--json")

    (record,) = json.loads(done.stdout)
    assert ("demo.Greeter", f"tcp:{provider_at}") == (record["service"], record["address"])


def test_an_unknown_service(addresses):
    """
    A service that nobody announced is an error with the nearest that somebody did.
    """
    done = ls(addresses[0], "demo.Greter")

    assert (1, "") == (done.returncode, done.stdout)
    assert "did you mean 'demo.Greeter'?" in done.stderr


def test_an_empty_registry():
    """
    Nothing found is said, not shown as an empty screen.
    """
    node, node_at = registry()
    with node:
        done = ls(node_at)

    assert (0, "no services\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize("plugin", ["standalone", "zookeeper"])
def test_a_registry_that_is_away(plugin):
    """
    A registry that is not there is one clear error, in bounded time.
    """
    sets = ("--set", f"registry.plugin={plugin}", "--timeout", "1s")
    done = ls("127.0.0.1:1", *sets)

    assert (1, "") == (done.returncode, done.stdout)
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
    assert 1 == done.stderr.count("\n"), done.stderr


def test_no_registry_to_look_into():
    """
    A configuration without a registry is told what to set.
    """
    done = rpcfw("ls", "--set", "registry.plugin=")

    assert 2 == done.returncode
    assert "set [registry] plugin" in done.stderr


def test_health_by_connecting(addresses):
    """
    With --health each instance is connected to, and it is shown what came of that.
    """
    node_at, provider_at = addresses
    done = ls(node_at, "--health")

    assert (0, "") == (done.returncode, done.stderr)
    titles, row = (line.split() for line in done.stdout.splitlines())
    assert ["SERVICE", "ADDRESS", "HEALTH", "PROTOCOLS", "WEIGHT", "ZONE", "WHY"] == titles
    assert ["demo.Greeter", f"tcp:{provider_at}", "healthy"] == row[:3]
    assert "connected in" in done.stdout


def test_an_instance_that_is_dead():
    """
    An instance that is still announced, and gone, is dead, with the reason.
    """
    node, node_at = registry()
    serve = ("serve", "-c", "conf/provider.ini", "--set", "registry.lease=30s")
    with node, Running(*serve, RPCFW_REGISTRY__ADDRESS=node_at) as provider:
        address_in(provider.line())
        os.kill(provider.pid, signal.SIGKILL)
        done = ls(node_at, "--health", "--json")

    (record,) = json.loads(done.stdout)
    assert "dead" == record["health"]
    assert "refused" in record["reason"]


def test_health_as_a_running_process_sees_it(addresses):
    """
    With --of a running process is asked for the nodes that it calls.
    """
    node_at, _ = addresses
    (port,) = free_ports(1)
    looked_at = ("--set", f"inspection.listen=tcp:127.0.0.1:{port}")
    serve = ("serve", "-c", "conf/provider.ini", *looked_at)
    with Running(*serve, RPCFW_REGISTRY__ADDRESS=node_at) as process:
        address_in(process.line())
        done = rpcfw("ls", "--health", "--of", f"tcp:127.0.0.1:{port}")
        other = rpcfw("ls", "--of", f"tcp:127.0.0.1:{port}")

    assert (0, "no nodes\n", "") == (done.returncode, done.stdout, done.stderr)
    assert 2 == other.returncode
    assert "add --health" in other.stderr
