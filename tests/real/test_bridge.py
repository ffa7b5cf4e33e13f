"""
A running fleet moves from ZooKeeper to registry servers of ours, over a bridge.

The calls are of a method that must not be repeated, and none of them may fail. The move to a
group of three servers starts 25 processes and takes a minute, so it runs only if asked for:

    MOVED_FLEET=1 pytest tests/real/test_bridge.py
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager

import pytest

from tests.real.moved_fleet import move
from tests.real.ports import free_ports
from tests.real.providers import Process, Processes, until
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_nats, require_zookeeper

pytestmark = pytest.mark.zookeeper

#: Of each of two consumers.
RATE = 100


@contextmanager
def bridge(folder, old, new):
    """
    Start a bridge between two registries, whose lines are JSON.
    """
    files = []
    for name, settings in (("old", old), ("new", new)):
        lines = [setting.removeprefix("registry.") for setting in settings]
        files.append(folder / f"{name}.ini")
        files[-1].write_text("\n".join(["[registry]", *lines, ""]))
    arguments = ("registry", "bridge", "-c", str(files[0]), "--to", str(files[1]), "--json")
    process = Process("the bridge", "rpcfw.cli.main", *arguments)
    try:
        yield process
    finally:
        process.close()


def until_mirrored(process, first, second):
    """
    Wait until a bridge has so many instances in each of the two registries.
    """

    def visible():
        facts = process.facts()
        registries = facts.get("registries", ())
        return [first, second] == [each["visible"] for each in registries]

    until(visible, f"{first} and {second} instances are mirrored")


@pytest.fixture(name="settings")
def _settings():
    """
    The settings of the two registries, which run.
    """
    require_zookeeper()
    zookeeper = ZooKeeperServer()
    try:
        zookeeper.serve()
        (port,) = free_ports(1)
        old = ("registry.plugin=zookeeper", f"registry.address={zookeeper.address}")
        new = ("registry.plugin=standalone", f"registry.address=tcp:127.0.0.1:{port}")
        with Processes() as servers:
            servers.registry(port)
            yield old, new
    finally:
        zookeeper.remove()


def test_a_fleet_moves(settings, tmp_path):
    """
    Consumers and providers move one by one, in both orders, and no call is lost.
    """
    with ExitStack() as stack:
        old, new = (stack.enter_context(Processes(*each)) for each in settings)
        # It is started first, since each start takes its time on a busy machine.
        running = stack.enter_context(bridge(tmp_path, *settings))
        providers = old.providers(3)
        first, second = (old.load("write", RATE) for _ in range(2))
        until_mirrored(running, 0, 3)

        moved = new.load("write", RATE)
        until(lambda: moved.met(*providers), "the consumer that has moved calls all")
        reports = [first.end()]
        for provider, successor in zip(providers, new.providers(3), strict=True):
            # The second consumer has not moved yet.
            for load in (moved, second):
                load.seen_after_s(successor)
            provider.stop()
        until_mirrored(running, 3, 0)
        last = new.load("write", RATE)
        reports.append(second.end())

        assert 0 <= running.stop()
        moved.go_on(RATE)
        last.go_on(RATE)
        reports += [moved.end(), last.end()]

    assert [{}] * 4 == [each["failed"] for each in reports], [each["texts"] for each in reports]
    assert sum(each["ok"] for each in reports) > 4 * RATE


@pytest.mark.skipif(
    not os.environ.get("MOVED_FLEET"), reason="takes a minute; MOVED_FLEET=1 runs it"
)
def test_a_fleet_moves_to_a_group():
    """
    Meanwhile the bridge is killed, and then a server of the group.
    """
    require_zookeeper()
    require_nats()
    found = move("nats", 2, RATE, 0.5)
    assert (0, []) == (found.failed, found.texts)
    assert found.calls > 4 * RATE
