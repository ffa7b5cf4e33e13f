"""
The grey release of the page: its files, its commands, and which products meet which version.
"""

from __future__ import annotations

import ast
import json

import pytest

from rpcfw_routers.split import slots
from tests.house.tree import ROOT
from tests.real.commands import Module, Running, registry, rpcfw
from tests.real.ports import free_ports

FOLDER = ROOT / "examples/grey-release"
#: The products of the shares, as routers.md describes the hash.
SLOT_OF = slots("")
FIVE, FIFTY = ({id for id in range(1, 201) if SLOT_OF(str(id)) < limit} for limit in (500, 5_000))


class Shopper(Running):
    """
    The consumer of the example.
    """

    command = (*Module.command[:1], str(FOLDER / "shopper.py"))

    def until_new(self, products):
        """
        Read on until it gets exactly these products from version 2; return the sets before.
        """
        seen = []
        while not seen or seen[-1] != products:
            _, _, rest = self.line().partition(" products")
            groups = ast.literal_eval(f"[{rest.replace(') (', '), (')}]")
            seen.append({id for _, ids in groups for id in ids})
        return seen


@pytest.fixture(scope="module")
def world():
    """
    A registry, both versions and the consumer; yields the latter, its port for tools and settings.
    """
    node, address = registry()
    port = free_ports(1)[0]
    at_registry = {"RPCFW_REGISTRY__ADDRESS": address}
    with (
        node,
        Running("serve", "-c", FOLDER / "provider-1.ini", **at_registry) as old,
        Running("serve", "-c", FOLDER / "provider-2.ini", **at_registry) as new,
    ):
        assert all("serving demo.Shop" in one.line() for one in (old, new))
        at = (f"registry.address={address}", f"inspection.listen=tcp:127.0.0.1:{port}")
        with Shopper(*at) as shopper:
            yield shopper, f"tcp:127.0.0.1:{port}", at_registry


def rule(world, *arguments):
    """
    Run a command about the rules of the shop; return what it prints.
    """
    action, *others = arguments
    _, _, settings = world
    command = ("rule", action, "policies", "demo.Shop", *others, "-c", FOLDER / "consumer.ini")
    done = rpcfw(*command, **settings)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def shares(shown):
    """
    Return the new share of each version in what ``--dry-run --json`` printed.
    """
    return {one["version"]: one["new_share"] for one in json.loads(shown)["instances"]}


def test_five_percent(world):
    """
    Nobody meets version 2 before the rule. It sends exactly the products of 5 % of the slots there.
    """
    shopper, _, _ = world
    shopper.until_new(set())
    dry = ("put", FOLDER / "grey-5.ini", "--dry-run", "--json")
    assert {"1.0": "95.0%", "2.0": "5.0%"} == shares(rule(world, *dry))
    id = min(FIVE)
    assert {"1.0": "0.0%", "2.0": "100.0%"} == shares(
        rule(world, *dry, "--method", "get", "--request", json.dumps({"id": id}))
    )
    rule(world, "put", FOLDER / "grey-5.ini", "--who", "ann@ops1", "--reason", "release 2.0")
    assert all(one <= FIVE for one in shopper.until_new(FIVE))


def test_the_errors_of_a_version(world):
    """
    A consumer shows the calls and failures of each version.
    """
    _, port, _ = world
    done = rpcfw("ls", "demo.Shop", "--health", "--of", port, "--json")
    seen = {one["version"]: one for one in json.loads(done.stdout)}
    assert 0 == seen["1.0"]["failed"] < seen["1.0"]["calls"]
    assert 0 < seen["2.0"]["failed"] < seen["2.0"]["calls"]
    assert "FAILED" in rpcfw("ls", "demo.Shop", "--health", "--of", port).stdout


def test_fifty_percent(world):
    """
    A larger share only adds products to version 2.
    """
    shopper, _, _ = world
    rule(world, "put", FOLDER / "grey-50.ini", "--reason", "5 % did well")
    assert all(FIVE <= one <= FIFTY for one in shopper.until_new(FIFTY))


def test_rolled_back(world):
    """
    Without the rule all products are at version 1 again, and the history has who has done what.
    """
    shopper, _, _ = world
    dry = rule(world, "rm", "--dry-run", "--json")
    assert {"1.0": "100.0%", "2.0": "0.0%"} == shares(dry)
    rule(world, "rm", "--who", "bob@ops2", "--reason", "no price")
    shopper.until_new(set())
    changes = json.loads(rule(world, "history", "--json"))
    assert ["no price", "5 % did well", "release 2.0"] == [one["reason"] for one in changes]
    assert ["bob@ops2", "ann@ops1"] == [changes[0]["who"], changes[2]["who"]]
    assert (FOLDER / "grey-50.ini").read_text() == changes[1]["after"] == changes[0]["before"]
