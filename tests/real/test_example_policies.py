"""
The example of policies: loaded from its INI files, by real processes.
"""

from __future__ import annotations

import json

import pytest

from tests.real.commands import Running, address_in, registry, rpcfw

FOLDER = "examples/policies"
CONSUMER = ("-c", f"{FOLDER}/consumer.ini", "demo.Shop/get", '{"id": 7}')


@pytest.fixture(scope="module")
def node_at():
    """
    The address of a registry server with the three providers of the README.
    """
    node, node_at = registry()
    serve = ("serve", "-c", f"{FOLDER}/provider.ini", "--set")
    settings = {"RPCFW_REGISTRY__ADDRESS": node_at}
    german = ("server.zone=rented", "--set", "server.tags=languages=de fr")
    with (
        node,
        Running(*serve, "server.zone=own", **settings) as own,
        Running(*serve, "server.zone=rented", **settings) as rented,
        Running(*serve, *german, **settings) as other,
    ):
        for each in (own, rented, other):
            address_in(each.line())
        yield node_at


def test_the_files_are_right():
    """
    Both INI files pass the check, with the options of the example's own plugins.
    """
    for name in ("consumer", "provider"):
        done = rpcfw("config", "check", "-c", f"{FOLDER}/{name}.ini")
        assert 0 == done.returncode, done.stderr


def test_a_call(node_at):
    """
    A call passes all four policies.
    """
    done = rpcfw("call", *CONSUMER, RPCFW_REGISTRY__ADDRESS=node_at)

    assert (0, '"product 7"\n', "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("language", "places"), [("en", {"own", "rented"}), ("fr", {"rented"}), ("it", set())]
)
def test_what_explain_says(node_at, language, places):
    """
    The router removes who does not serve the language, and says so; each policy is shown.
    """
    asked = ("explain", *CONSUMER, "--idempotent", "--json", "--metadata", f"language={language}")
    done = rpcfw(*asked, RPCFW_REGISTRY__ADDRESS=node_at)

    assert (0, "") == (done.returncode, done.stderr)
    (found,) = json.loads(done.stdout)
    left = [one for one in found["instances"] if not one["removed_by"]]
    assert places == {one["zone"] for one in left}
    assert all(
        one["reason"].startswith("it serves ") for one in found["instances"] if one not in left
    )
    assert "fill_up" == found["balancer"]["name"]
    says = {one["kind"]: one["says"] for one in found["policies"]}
    assert "up to 4 attempts" == says["retry"]
    assert "for service demo.Shop: 0 of 5000 calls of this minute" == says["limiter"]
    assert [1.0] * bool(places) == [one["share"] for one in left if one["share"]]
    assert bool(found["error"]) == (not places)
