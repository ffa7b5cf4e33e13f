"""
``rpcfw explain``, of a registry server with providers, and of a running consumer.
"""

from __future__ import annotations

import json

import pytest

from tests.real.commands import Module, Running, address_in, registry, rpcfw
from tests.real.ports import free_ports

SERVE = ("serve", "-c", "conf/provider.ini")


@pytest.fixture(scope="module")
def node_at():
    """
    The address of a registry server with two providers, of the versions 1.0 and 2.0.
    """
    node, node_at = registry()
    settings = {"RPCFW_REGISTRY__ADDRESS": node_at}
    with (
        node,
        Running(*SERVE, "--set", "server.version=1.0", **settings) as old,
        Running(*SERVE, "--set", "server.version=2.0", **settings) as new,
    ):
        address_in(old.line()), address_in(new.line())
        yield node_at


def explain(node_at, *arguments):
    command = ("explain", "-c", "conf/consumer.ini", *arguments)
    return rpcfw(*command, RPCFW_REGISTRY__ADDRESS=node_at)


def test_where_a_call_would_go(node_at):
    """
    The instances are connected, one is removed by the rule, the other gets all calls.
    """
    rule = ("--set", "client.routers=condition", "--set", "router condition.rules==> version=2.*")
    done = explain(node_at, "demo.Greeter/say", '{"name": "bob"}', *rule, "--json")

    assert (0, "") == (done.returncode, done.stderr)
    (found,) = json.loads(done.stdout)
    new, old = found["instances"]
    assert ("2.0", 1.0, "ready", "") == tuple(
        new[key] for key in ("version", "share", "connection", "removed_by")
    )
    assert ("1.0", 0.0, "router condition") == tuple(
        old[key] for key in ("version", "share", "removed_by")
    )
    assert "--set" in found["routers"][0]["policy"]["place"]


def test_text(node_at):
    """
    Without --json it is text for people; --caller says who would call.
    """
    done = explain(node_at, "demo.Greeter/say", "--caller", "shop")

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("demo.Greeter/say, called by shop\n\nSHARE  INSTANCE")
    assert 2 == done.stdout.count("50.0%")


def test_an_unknown_service(node_at):
    """
    An unknown service is a failure, with the nearest that is known.
    """
    done = explain(node_at, "demo.Greter/say")

    assert (1, "") == (done.returncode, done.stdout)
    assert "did you mean 'demo.Greeter'?" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("demo.Greeter/say", '{"name"'), "the request is no JSON"),
        (("demo.Greeter",), "is not SERVICE/METHOD"),
        (("demo.Greeter/say", "--caller", "a", "--of", "tcp:127.0.0.1:1"), "--caller"),
    ],
)
def test_wrong_arguments(node_at, arguments, reason):
    """
    A wrong argument is refused before anything starts.
    """
    done = explain(node_at, *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert reason in done.stderr


def test_running_consumers(node_at):
    """
    Consumers that run are asked at their ports of [inspection]; each says what it would do.
    """
    asked, running = [], []
    for port, balancer in zip(free_ports(2), ("p2c", "round_robin"), strict=True):
        asked += ["--of", f"tcp:127.0.0.1:{port}"]
        sets = (f"inspection.listen={asked[-1]}", f"balancer.plugin={balancer}")
        at = f"registry.address={node_at}"
        running.append(Module("tests.real.looked_at", *sets, at, f"app.name={balancer}"))
    with running[0] as first, running[1] as second:
        assert ["hello bob"] * 2 == [first.line(), second.line()]
        done = rpcfw("explain", *asked, "demo.Greeter/say", '{"name": "bob"}', "--json")
        unknown = rpcfw("explain", *asked[:2], "demo.Greter/say")
    away = rpcfw("explain", *asked[:2], "demo.Greeter/say")

    assert (0, "") == (done.returncode, done.stderr)
    found = json.loads(done.stdout)
    assert ["p2c", "round_robin"] == [one["balancer"]["name"] for one in found]
    assert ["p2c", "round_robin"] == [one["caller"] for one in found]
    assert asked[1::2] == [one["process"] for one in found]
    assert [2, 2] == [len(one["instances"]) for one in found]
    assert all("idempotent: " in str(one["policies"]) for one in found)
    assert (1, "") == (unknown.returncode, unknown.stdout)
    assert "NOT_FOUND: this process does not call 'demo.Greter'; did you mean" in unknown.stderr
    assert (1, True) == (away.returncode, "UNAVAILABLE" in away.stderr)
