"""
What providers write at application level.
"""

from __future__ import annotations

import json

import pytest

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.together import together
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.address import Address
from rpcfw_registries.zookeeper.session import Refused, ZnodeChanged
from tests.plugins.registries.zookeeper.applications.application_case import MAPPING, NODE, Fleet


@pytest.fixture
def fleet():
    """
    Processes with one ZooKeeper.
    """
    return Fleet()


def test_the_node_has_what_java_reads(fleet):
    """
    It is as Curator and Dubbo 3.2 write it, but that the metadata are in the registry.
    """
    fleet.done(fleet.registry().announce(an_instance(protocols=("dubbo",), started_at=1234.5)))
    node = fleet.node()
    metadata = node["payload"].pop("metadata")
    assert node == {
        "name": "shop",
        "id": "10.0.0.5:2200",
        "address": "10.0.0.5",
        "port": 2200,
        "sslPort": None,
        "payload": {
            "@class": "org.apache.dubbo.registry.zookeeper.ZookeeperInstance",
            "id": "10.0.0.5:2200",
            "name": "shop",
        },
        "registrationTimeUTC": 1000,
        "serviceType": "DYNAMIC",
        "uriSpec": None,
    }
    assert metadata == {
        "dubbo.endpoints": '[{"port":2200,"protocol":"dubbo"}]',
        "dubbo.metadata.revision": fleet.revision(),
        "dubbo.metadata.storage-type": "remote",
        "timestamp": "1234500",
        "rpcfw.id": "a",
    }
    assert fleet.world.nodes[NODE].owner == fleet.sessions[0].session_id


def test_the_metadata_have_each_service(fleet):
    """
    The key, and what a consumer selects by, are where Dubbo has them; the process is not there.
    """
    registry = fleet.registry()
    fleet.done(registry.announce(an_instance(methods=("say",))))
    fleet.done(registry.announce(an_instance("demo.Clock", group="", version="")))
    services = fleet.services()
    assert ["blue/demo.Greeter:1.2:tri", "demo.Clock:tri"] == sorted(services)
    greeter = services["blue/demo.Greeter:1.2:tri"]
    parameters = greeter.pop("params")
    assert greeter == {
        "name": "demo.Greeter",
        "group": "blue",
        "version": "1.2",
        "protocol": "tri",
        "port": 2200,
        "path": "demo.Greeter",
    }
    assert parameters["weight"] == "70"
    assert parameters["methods"] == "say"
    assert not {"pid", "timestamp", "application", "rpcfw.id"} & set(parameters)
    owners = [fleet.world.nodes[path].owner for path in fleet.world.nodes if "metadata" in path]
    assert {0} == set(owners)


def test_a_provider_with_two_protocols(fleet):
    """
    The node has an endpoint for each, and the metadata the service once for each.
    """
    registry = fleet.registry()
    instance = an_instance(protocols=("native", "tri", "grpc", "dubbo"))
    fleet.done(registry.announce(instance))
    endpoints = json.loads(fleet.node()["payload"]["metadata"]["dubbo.endpoints"])
    assert endpoints == [{"port": 2200, "protocol": name} for name in ("dubbo", "tri")]
    services = fleet.services()
    assert sorted(services) == ["blue/demo.Greeter:1.2:dubbo", "blue/demo.Greeter:1.2:tri"]
    assert {name: each["protocol"] for name, each in services.items()} == {
        name: name.rpartition(":")[2] for name in services
    }
    fleet.done(registry.withdraw(instance))
    assert NODE not in fleet.world.nodes


def test_equal_services_have_one_revision(fleet):
    """
    Whatever the order in which they are announced, and the host, so that consumers read one.
    """
    clock = an_instance("demo.Clock")
    first, second = fleet.registry(), fleet.registry()
    for instance in (an_instance(), clock):
        fleet.done(first.announce(instance))
    elsewhere = Address("tcp", "10.0.0.6", 2200)
    for service in ("demo.Clock", "demo.Greeter"):
        instance = an_instance(service, id="b", address=elsewhere, started_at=9.0)
        fleet.done(second.announce(instance))
    assert fleet.revision() == fleet.revision("/services/shop/10.0.0.6:2200")


def test_a_change_replaces_the_node_in_place(fleet):
    """
    No consumer misses the provider for a moment, and the new metadata are there before.
    """
    registry = fleet.registry()
    fleet.done(registry.announce(an_instance(weight=100)))
    created, former = fleet.world.nodes[NODE].created, fleet.revision()
    for weight in (0, 50):
        fleet.done(registry.announce(an_instance(weight=weight)))
        (service,) = fleet.services().values()
        assert service["params"]["weight"] == str(weight)
    assert fleet.world.nodes[NODE].created == created
    assert fleet.revision() != former
    fleet.done(registry.announce(an_instance(weight=100)))
    assert fleet.revision() == former


def test_the_mapping_keeps_other_applications(fleet):
    """
    Providers of several applications, in Java too, share an interface.
    """
    fleet.world.create(MAPPING, b"java-app,other", 0)
    for name in ("shop", "shop", "store"):
        fleet.done(fleet.registry(name).announce(an_instance()))
    assert fleet.text(MAPPING) == "java-app,other,shop,store"


def test_the_mapping_is_compared_and_set(fleet):
    """
    One who was slower than another reads again, and keeps both names.
    """
    registry = fleet.registry()
    fleet.world.create(MAPPING, b"java-app", 0)
    session, replace = fleet.sessions[0], fleet.sessions[0].replace

    def late(path, data, version):
        session.replace = replace
        fleet.world.change(MAPPING, b"java-app,faster")
        return replace(path, data, version)

    session.replace = late
    fleet.done(registry.announce(an_instance()))
    assert fleet.text(MAPPING) == "java-app,faster,shop"


def test_a_mapping_that_others_change_for_ever(fleet):
    """
    It is given up for the moment, and tried again: no loop without an end.
    """
    registry = fleet.registry()
    fleet.world.create(MAPPING, b"java-app", 0)
    session, replace = fleet.sessions[0], fleet.sessions[0].replace
    tries = []

    def refused(path, data, version):
        tries.append(path)
        return session._do("replace", lambda: (_ for _ in ()).throw(ZnodeChanged(path)))  # noqa: SLF001

    session.replace = refused
    with pytest.raises(ValueError, match="not enough values"):  # it goes on to wait
        fleet.done(registry.announce(an_instance()))
    assert 10 <= len(tries) <= 20
    session.replace = replace
    fleet.advance(3)
    assert fleet.text(MAPPING) == "java-app,shop"


def test_withdrawing(fleet):
    """
    The node has what is left, and goes with the last; mapping and metadata stay.
    """
    registry = fleet.registry()
    clock = an_instance("demo.Clock")
    for instance in (an_instance(), clock):
        fleet.done(registry.announce(instance))
    fleet.done(registry.withdraw(an_instance()))
    assert ["blue/demo.Clock:1.2:tri"] == list(fleet.services())
    fleet.done(registry.withdraw(clock))
    assert NODE not in fleet.world.nodes
    assert fleet.text(MAPPING) == "shop"
    assert fleet.world.names("/dubbo/metadata/shop")
    fleet.done(registry.withdraw(clock))


def test_services_of_one_turn_are_one_revision(fleet):
    """
    A server leaves one revision in ZooKeeper, however many services it has.
    """
    registry = fleet.registry()
    instances = [an_instance(f"demo.Service{number}") for number in range(5)]
    fleet.done(together(*map(registry.announce, instances)))
    assert 5 == len(fleet.services())
    assert [fleet.revision()] == fleet.world.names("/dubbo/metadata/shop")
    left = fleet.revision()
    fleet.done(together(*map(registry.withdraw, instances)))
    assert NODE not in fleet.world.nodes
    assert [left] == fleet.world.names("/dubbo/metadata/shop")


def test_another_address(fleet):
    """
    An instance that moves leaves nothing where it was.
    """
    registry = fleet.registry()
    fleet.done(registry.announce(an_instance()))
    fleet.done(registry.announce(an_instance(address=Address("tcp", "10.0.0.6", 2200))))
    assert ["10.0.0.6:2200"] == fleet.world.names("/services/shop")


def test_everything_is_kept(fleet):
    """
    What was removed or changed behind our back is back at the next check, or in a new session.
    """
    registry = fleet.registry()
    fleet.done(registry.announce(an_instance()))
    metadata = f"/dubbo/metadata/shop/{fleet.revision()}"
    before = {path: fleet.text(path) for path in (NODE, MAPPING, metadata)}
    fleet.world.delete(NODE)
    fleet.world.delete(MAPPING)
    fleet.world.change(metadata, b"{}")
    fleet.advance(40)
    assert before == {path: fleet.text(path) for path in before}
    fleet.sessions[0].lose()
    fleet.advance(1)
    assert before == {path: fleet.text(path) for path in before}
    assert fleet.world.nodes[NODE].owner == fleet.sessions[0].session_id


def test_a_node_of_a_former_process_is_taken_over(fleet):
    """
    It would vanish when the session of that process ends.
    """
    fleet.world.create(NODE, b"{}", 77)
    fleet.done(fleet.registry().announce(an_instance()))
    assert fleet.world.nodes[NODE].owner == fleet.sessions[0].session_id


@pytest.mark.parametrize(
    ("mode", "expected"), [("all", (1, 1)), ("instance", (0, 1)), ("interface", (1, 0))]
)
def test_register_mode(fleet, mode, expected):
    """
    It says at which levels a provider is.
    """
    fleet.done(fleet.registry(register_mode=mode).announce(an_instance()))
    interfaces = fleet.world.names("/dubbo/demo.Greeter/providers")
    assert expected == (len(interfaces), len(fleet.world.names("/services/shop")))


@pytest.mark.parametrize("name", ["a,b", "a/b", "a b", "..", ""])
def test_a_name_that_dubbo_cannot_have(fleet, name):
    """
    The error says what to change.
    """
    with pytest.raises(RegistryError, match=r"or set .*register_mode = interface"):
        fleet.done(fleet.registry(name).announce(an_instance()))


def test_metadata_that_are_refused(fleet):
    """
    The node is written all the same, and the error is raised; the next check tries again.
    """
    registry = fleet.registry(register_mode="instance")
    session, create = fleet.sessions[0], fleet.sessions[0].create

    def refused(path, data, *, ephemeral=True):
        if "/metadata/" in path:
            session.failures.append(Refused("not permitted"))
        return create(path, data, ephemeral=ephemeral)

    session.create = refused
    with pytest.raises(RegistryError, match="not permitted"):
        fleet.done(registry.announce(an_instance()))
    assert NODE in fleet.world.nodes
    session.create = create
    fleet.advance(40)
    assert fleet.services()
