"""
Rules put by the commands, followed by consumers in other processes, through real registries.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

import pytest

from tests.house.tree import ROOT
from tests.real.commands import Module, Running, address_in, rpcfw
from tests.real.one_registry import REGISTRIES, one_registry

#: Within this time a rule is to be in use everywhere.
IN_USE_S = 1.0


@pytest.fixture(scope="module", params=REGISTRIES)
def fleet(request, tmp_path_factory):
    """
    A registry, two providers and three consumers: their file, addresses and processes.
    """
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        address = stack.enter_context(one_registry(request.param))
        for name in "provider.ini", "consumer.ini":
            text = (ROOT / "conf" / name).read_text().replace("../examples", f"{ROOT}/examples")
            text = text.replace("plugin = standalone", f"plugin = {request.param}")
            (folder / name).write_text(text.replace("127.0.0.1:2210", address))
        file = folder / "consumer.ini"
        serve = ("serve", "-c", folder / "provider.ini", "--set", "server.listen=tcp:127.0.0.1:0")
        providers = [stack.enter_context(Running(*serve)) for _ in range(2)]
        at = sorted(f"tcp:{address_in(one.line())}" for one in providers)
        consumers = [
            stack.enter_context(Module("tests.real.rule_follower", file)) for _ in range(3)
        ]
        until(consumers, lambda state: state["instances"] == at)
        yield file, at, consumers


def until(consumers, condition):
    """
    Read the states of consumers until a condition holds; return when it did for the last.
    """
    latest = 0.0
    for consumer in consumers:
        while not condition(state := json.loads(consumer.line())):
            pass
        latest = max(latest, state["at"])
    return latest


def rule(file, *arguments, stdin=""):
    done = rpcfw(*arguments, "-c", file, stdin=stdin)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_policies_are_in_use_within_a_second(fleet, tmp_path):
    """
    What ``rpcfw rule put`` stores is in use on every consumer a second later, and its removal.
    """
    file, _, consumers = fleet
    document = tmp_path / "shop.ini"
    document.write_text("[retry]\nmax_attempts = 7\n[balancer]\nplugin = least_active\n")
    shown = rule(file, "rule", "put", "policies", "demo.Greeter", document, "--dry-run")
    assert "+max_attempts = 7" in shown
    rule(file, "rule", "put", "policies", "demo.Greeter", document, "--reason", "slow disks")
    stored_at = time.time()
    assert until(consumers, lambda state: state["max_attempts"] == 7) - stored_at < IN_USE_S
    shown = rule(file, "explain", "demo.Greeter/say", '{"name": "bob"}')
    assert "[balancer] least_active (policies of service demo.Greeter, version " in shown
    text = rule(file, "rule", "get", "policies", "demo.Greeter")
    assert ": slow disks\n[retry]\nmax_attempts = 7\n" in text
    rule(file, "rule", "rm", "policies", "demo.Greeter", "--reason", "mended")
    removed_at = time.time()
    assert until(consumers, lambda state: state["max_attempts"] != 7) - removed_at < IN_USE_S
    history = json.loads(rule(file, "rule", "history", "policies", "demo.Greeter", "--json"))
    assert ["mended", "slow disks"] == [one["reason"] for one in history]
    assert "-max_attempts = 7" in rule(file, "rule", "diff", "policies", "demo.Greeter")


def test_a_disabled_instance_gets_no_calls(fleet):
    """
    A second after ``rpcfw disable`` nobody would call the instance, until ``rpcfw enable``.
    """
    file, (first, second), consumers = fleet
    shown = rule(file, "disable", "demo.Greeter", first, "--dry-run")
    row = next(line.split() for line in shown.splitlines() if line.startswith(second))
    assert [second, "100", "50.0%", "100", "100.0%"] == row
    rule(file, "disable", "demo.Greeter", first)
    disabled_at = time.time()
    assert until(consumers, lambda state: state["instances"] == [second]) - disabled_at < IN_USE_S
    (id,) = (
        one["id"]
        for one in json.loads(rule(file, "ls", "demo.Greeter", "--json"))
        if one["address"] == first
    )
    rule(file, "weight", "demo.Greeter", id, 300)
    assert "enabled = no" in rule(file, "rule", "get", "instances", "demo.Greeter")
    rule(file, "enable", "demo.Greeter", id)
    assert until(consumers, lambda state: state["instances"] == [first, second])
    rule(file, "weight", "demo.Greeter", id, "announced")
    assert "nothing to change" in rule(file, "enable", "demo.Greeter", first)


def test_an_instance_goes_offline_and_comes_back(fleet):
    """
    ``rpcfw offline`` returns when the instance has left the registry, which serves on.
    """
    file, (first, second), consumers = fleet
    shown = rule(file, "offline", "demo.Greeter", first, "--dry-run")
    row = next(line.split() for line in shown.splitlines() if line.startswith(second))
    assert [second, "100", "50.0%", "100", "100.0%"] == row
    (id,) = (
        one["id"]
        for one in json.loads(rule(file, "ls", "demo.Greeter", "--json"))
        if one["address"] == first
    )
    rule(file, "offline", "demo.Greeter", id, "--reason", "a new disk")
    listed = json.loads(rule(file, "ls", "demo.Greeter", "--json"))
    assert [second] == [one["address"] for one in listed]
    address = first.removeprefix("tcp:")
    assert "hello bob" in rpcfw("call", address, "demo.Greeter/say", '{"name": "bob"}').stdout
    assert until(consumers, lambda state: state["instances"] == [second])
    rule(file, "online", "demo.Greeter", id)
    listed = json.loads(rule(file, "ls", "demo.Greeter", "--json"))
    assert [first, second] == sorted(one["address"] for one in listed)
    assert until(consumers, lambda state: state["instances"] == [first, second])


def test_an_instance_that_nobody_knows_is_refused(fleet):
    """
    What is neither in the registry nor in a rule cannot go offline.
    """
    file, (first, _), _ = fleet
    unknown = f"{first}0"
    done = rpcfw("offline", "demo.Greeter", unknown, "-c", file)
    assert 1 == done.returncode
    assert f"demo.Greeter has no instance {unknown!r}" in done.stderr
    assert first in done.stderr


def test_a_service_that_nobody_has_announced(fleet, tmp_path):
    """
    Its rule is stored, with the nearest name as a note; its instances cannot be changed.

    A rule may be there before the first provider.
    """
    file, (first, _), _ = fleet
    reason = "no provider has announced demo.Greter; did you mean 'demo.Greeter'?"
    done = rpcfw("disable", "demo.Greter", first, "-c", file)
    assert (1, f"{reason}\n") == (done.returncode, done.stderr)
    document = tmp_path / "shop.ini"
    document.write_text("[retry]\nmax_attempts = 2\n")
    for dry_run in ("--dry-run",), ():
        put = ("rule", "put", "policies", "demo.Greter", document, *dry_run)
        done = rpcfw(*put, "-c", file)
        assert (0, f"note: {reason}\n") == (done.returncode, done.stderr)
    rule(file, "rule", "rm", "policies", "demo.Greter")


def test_a_conflict_is_refused(fleet, tmp_path):
    """
    A file that was read before somebody else's change is refused, with who that was.
    """
    file, _, _ = fleet
    document = tmp_path / "read.ini"
    document.write_text("[retry]\nmax_attempts = 2\n")
    put = ("rule", "put", "policies", "demo.Greeter")
    rule(file, *put, document, "--who", "ann")
    document.write_text(rule(file, "rule", "get", "policies", "demo.Greeter"))
    rule(file, *put, "-", "--who", "eve", stdin="[retry]\nmax_attempts = 3\n")
    done = rpcfw(*put, document, "-c", file)
    assert 1 == done.returncode
    assert "put by eve at" in done.stderr
    rule(file, "rule", "rm", "policies", "demo.Greeter")


def test_a_wrong_document_is_refused(fleet, tmp_path):
    """
    Every mistake has the file, the line and the nearest known name; nothing is stored.
    """
    file, _, _ = fleet
    document = tmp_path / "wrong.ini"
    document.write_text("[retry]\nmax_atempts = 2\n[routr gray]\n[router gray]\nx = 1\n")
    done = rpcfw("rule", "put", "policies", "demo.Greeter", document, "-c", file)
    assert (2, "") == (done.returncode, done.stdout)
    assert f"{document}:3: [routr gray]" in done.stderr
    assert "did you mean 'router NAME'?" in done.stderr
    document.write_text("# version 1 of it\n[retry]\nmax_atempts = 2\n[router gray]\nx = 1\n")
    done = rpcfw("rule", "put", "policies", "demo.Greeter", document, "-c", file)
    assert f"{document}:3: [retry] max_atempts: unknown option; did you mean" in done.stderr
    assert f"{document}:4: [router gray]: not in use: write gray in [client] routers" in done.stderr
    done = rpcfw("rule", "get", "policy", "demo.Greeter", "-c", file)
    assert "did you mean 'policies'?" in done.stderr


def test_watching(fleet, tmp_path):
    """
    ``rpcfw rule watch`` prints each change as it comes, and ends well with a signal.
    """
    file, _, consumers = fleet
    document = tmp_path / "all.ini"
    document.write_text("[retry]\nmax_attempts = 6\n")
    named = ("policies", "rpcfw", "--application")
    with Running("rule", "watch", *named, "-c", file) as watching:
        assert "no policies of application rpcfw" == watching.line()
        rule(file, "rule", "put", named[0], named[1], document, named[2], "--who", "ann")
        assert " of policies of application rpcfw, put by ann at " in watching.line()
        until(consumers, lambda state: state["max_attempts"] == 6)
        rule(file, "rule", "rm", *named)
        assert "no policies of application rpcfw" == watching.line()
        assert (0, "", "") == watching.end()


def test_weights(fleet):
    """
    ``rpcfw weight`` changes the share; an unknown instance is refused with the known ones.
    """
    file, (first, _), _ = fleet
    shown = json.loads(rule(file, "weight", "demo.Greeter", first, 300, "--dry-run", "--json"))
    assert "+weight = 300" in shown["diff"]
    assert ["75.0%", "25.0%"] == [one["new_share"] for one in shown["instances"]]
    shown = json.loads(rule(file, "weight", "demo.Greeter", "version=", 7, "--dry-run", "--json"))
    assert {"7"} == {one["new_weight"] for one in shown["instances"]}
    done = rpcfw("weight", "demo.Greeter", f"{first}0", "5", "-c", file)
    assert 1 == done.returncode
    assert f"did you mean '{first}'?" in done.stderr


def test_the_history_of_two_machines(tmp_path):
    """
    The history is in the order of the changes, though the clock of one machine is an hour ahead.
    """
    document, file = tmp_path / "retries.ini", ROOT / "conf/consumer.ini"
    with one_registry("standalone") as address:
        named = ("policies", "demo.Greeter", "--set", f"registry.address={address}")
        for number, (ahead_s, who) in enumerate(((3600, "ann@fast"), (0, "bob@right")), 2):
            document.write_text(f"[retry]\nmax_attempts = {number}\n")
            put = (ahead_s, "rule", "put", *named, document, "-c", file, "--who", who)
            with Module("tests.real.other_clock", *put) as writer:
                assert 0 == writer.wait()[0]
        shown = rule(file, "rule", "history", *named).splitlines()
        last, first = json.loads(rule(file, "rule", "history", *named, "--json"))
    # The columns before it are the version and the time, which is three words.
    assert ["bob@right", "ann@fast"] == [line.split()[4] for line in shown[1:]]
    assert last["version"] == first["version"] + 1
    assert 3000 < first["at"] - last["at"] < 3600
    texts = [f"[retry]\nmax_attempts = {number}\n" for number in (2, 3)]
    assert [(None, texts[0]), tuple(texts)] == [(o["before"], o["after"]) for o in (first, last)]
