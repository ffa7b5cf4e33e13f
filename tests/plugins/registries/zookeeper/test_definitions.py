"""
Definitions of services that providers in Java published in ZooKeeper.
"""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import RegistryError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from rpcfw_registries.zookeeper.session import Refused
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World

SERVICE = "com.acme.OrderService"


def definitions(nodes=(), *, layout="dubbo", session=None, times=1):
    """
    Return what a registry reads of a service, in a ZooKeeper with these nodes.
    """
    world = World()
    for path in nodes:
        for number in range(times):
            world.create(path.format(number), path.encode(), 0)
    clock = Clock()
    session = session or FakeSession(world)
    session.world = world
    registry = ZooKeeperRegistry(
        options_of(ZooKeeperOptions, layout=layout), plugin_context(clock, Random(7)), session
    )
    found = []
    spawn(registry.start())
    spawn(registry.definitions(SERVICE)).addBoth(found.append)
    clock.advance(10)
    spawn(registry.stop())
    (result,) = found
    if isinstance(result, tuple):
        return result
    return result.raiseException()


def test_definitions_are_found_below_version_and_group():
    """
    Dubbo leaves out the version or the group where there is none. Consumers' are not read.
    """
    nodes = [
        f"/dubbo/metadata/{SERVICE}/provider/a",
        f"/dubbo/metadata/{SERVICE}/1.0.0/provider/b",
        f"/dubbo/metadata/{SERVICE}/1.0.0/east/provider/c",
    ]
    others = [
        f"/dubbo/metadata/{SERVICE}/1.0.0/consumer/d",
        f"/dubbo/metadata/{SERVICE}/1.0.0/east/deeper/provider/e",
        "/dubbo/metadata/com.acme.Other/provider/f",
    ]
    assert [path.encode() for path in nodes] == list(definitions(nodes + others))


def test_a_service_without_definitions():
    """
    It has none, whether ZooKeeper knows the service or not.
    """
    assert () == definitions()
    assert () == definitions([f"/dubbo/{SERVICE}/providers/x"])


def test_no_more_are_read_than_a_service_has():
    """
    Somebody who may write cannot make a reader take any number.
    """
    assert 100 == len(definitions([f"/dubbo/metadata/{SERVICE}/provider/a{{}}"], times=150))


def test_other_layouts_keep_none():
    """
    The error says so.
    """
    with pytest.raises(RegistryError, match="keeps no definitions of services"):
        definitions(layout="rpcfw")


def test_a_refusal_is_passed_on():
    """
    As when nobody may read the list.
    """
    session = FakeSession(None)
    session.failures = [Refused("not permitted to read")]
    with pytest.raises(RegistryError, match="not permitted to read"):
        definitions(session=session)
