"""
The applications that Dubbo's layout lists as consumers of a service.
"""

from __future__ import annotations

from random import Random
from urllib.parse import quote

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import RegistryError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World

SERVICE = "com.acme.OrderService"


def consumers(*urls, layout="dubbo"):
    """
    Return what a registry lists, in a ZooKeeper with these URLs of consumers.
    """
    world = World()
    for url in urls:
        world.create(f"/dubbo/{SERVICE}/consumers/{quote(url, safe='')}", b"", 0)
    clock = Clock()
    session = FakeSession(world)
    session.world = world
    registry = ZooKeeperRegistry(
        options_of(ZooKeeperOptions, layout=layout), plugin_context(clock, Random(7)), session
    )
    found = []
    spawn(registry.start())
    spawn(registry.consumers(SERVICE)).addBoth(found.append)
    clock.advance(10)
    spawn(registry.stop())
    (result,) = found
    return result if isinstance(result, tuple) else result.raiseException()


def url(application, host="10.0.0.7", scheme="consumer"):
    return f"{scheme}://{host}/{SERVICE}?application={application}&category=consumers"


def test_applications_are_listed_once():
    """
    An application with several processes is one, and so is what says no application none.
    """
    listed = [
        url("web"),
        url("web", "10.0.0.8"),
        url("mobile"),
        f"consumer://10.0.0.9/{SERVICE}?a=b",
    ]
    assert ("mobile", "web") == consumers(*listed)
    assert () == consumers()


@pytest.mark.parametrize(
    "wrong",
    [
        "nonsense",
        "consumer://h/p?application=%ff",
        url("a" * 300),
        url("a%1b"),
        url("x", scheme="dubbo"),
        "consumer://h/p?my.application=x",
    ],
)
def test_what_is_no_consumer(wrong):
    """
    Whatever else somebody has written there is passed over.
    """
    assert ("web",) == consumers(wrong, url("web"))


def test_no_more_are_listed_than_a_picture_shows():
    """
    Somebody who may write cannot make a list of any length.
    """
    assert 200 == len(consumers(*(url(f"a{number}") for number in range(1000))))


def test_urls_are_not_read_without_end():
    """
    URLs that are far too long cost no more time than the limit of all URLs allows.
    """
    long = url("x") + "&" + "y" * (9 << 20)
    assert () == consumers(long)


def test_the_name_is_decoded_as_dubbo_encodes_it():
    """
    The application may be anywhere among the parameters, and its name have any character.
    """
    written = f"consumer://10.0.0.7/{SERVICE}?a=b&application=caf\u00e9 50%2526&side=consumer"
    assert ("caf\u00e9 50%26",) == consumers(written)


def test_another_layout_lists_none():
    """
    Only Dubbo's layout has consumers.
    """
    with pytest.raises(RegistryError, match="lists no consumers"):
        consumers(layout="rpcfw")
