"""
What consumers read at application level.
"""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from twisted.logger import LogLevel, capturedLogs

from rpcfw.errors import PluginError, Unavailable
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.values.address import Address
from rpcfw_hessian.objects import JavaObject
from rpcfw_registries.zookeeper.session import Refused
from tests.plugins.registries.zookeeper.applications.application_case import MAPPING, NODE, Fleet

JAVA_NODE = "/services/java-app/10.0.0.7:20880"
METADATA = "/dubbo/metadata/java-app/56c1"
#: Of a service, as Dubbo 3.2 writes it.
JAVA_SERVICE = {
    "name": "demo.Greeter",
    "group": "blue",
    "version": "1.2",
    "protocol": "dubbo",
    "port": 20880,
    "path": "demo.Greeter",
    "params": {"prefer.serialization": "fastjson2,hessian2", "weight": "50", "timeout": "2000"},
}
JAVA_METADATA = {"app": "java-app", "services": {"blue/demo.Greeter:1.2:dubbo": JAVA_SERVICE}}
EXPECTED = an_instance(
    id="10.0.0.7:20880/blue:1.2",
    address=Address("tcp", "10.0.0.7", 20880),
    protocols=("dubbo",),
    weight=50,
    zone="",
    started_at=1795921814.013,
    tags={"timeout": "2000"},
)


@pytest.fixture
def fleet():
    """
    Processes with one ZooKeeper.
    """
    return Fleet()


def java_node(storage="remote", **metadata):
    """
    Return the node of a process in Java.
    """
    given = {
        "dubbo.endpoints": '[{"port":20880,"protocol":"dubbo"}]',
        "dubbo.metadata-service.url-params": '{"port":"20881","protocol":"dubbo"}',
        "dubbo.metadata.revision": "56c1",
        "dubbo.metadata.storage-type": storage,
        "timestamp": "1795921814013",
        **metadata,
    }
    payload = {"@class": "x", "id": "y", "name": "java-app", "metadata": given}
    node = {"name": "java-app", "address": "10.0.0.7", "port": 20880, "payload": payload}
    return json.dumps(node).encode()


def provider_in_java(fleet, metadata=JAVA_METADATA, **node):
    """
    Register one at application level only.
    """
    fleet.world.create(METADATA, json.dumps(metadata).encode(), 0)
    fleet.world.create(JAVA_NODE, java_node(**node), 7)
    fleet.world.create(MAPPING, b"other,java-app", 0)


def watched(fleet, registry=None, **options):
    """
    Watch the service; return what the listener gets.
    """
    updates = ReceivedUpdates()
    (registry or fleet.registry(**options)).watch("demo.Greeter", updates)
    fleet.advance(1)
    return updates


def warnings(logged):
    """
    Return the lines of warnings.
    """
    return [each["what"] for each in logged if each["log_level"] is LogLevel.warn]


def test_a_provider_at_application_level_only(fleet):
    """
    It is an instance with the facts of its node and of its metadata.
    """
    provider_in_java(fleet)
    updates = watched(fleet)
    assert updates.last == [EXPECTED]
    assert 1 == len(updates.snapshots), "nobody was told before that there is none"


def test_it_comes_and_goes(fleet):
    """
    Mapping, list and data of the nodes are watched.
    """
    updates = watched(fleet)
    assert updates.last == []
    provider_in_java(fleet)
    fleet.advance(1)
    assert updates.last == [EXPECTED]
    fleet.world.delete(JAVA_NODE)
    fleet.advance(1)
    assert updates.last == []


def test_a_node_that_changes(fleet):
    """
    It keeps its name, so its data are watched; other nodes are not read again.
    """
    provider_in_java(fleet)
    updates = watched(fleet)
    changed = {**JAVA_SERVICE, "params": {"weight": "7"}}
    metadata = json.dumps({"services": {"any": changed}}).encode()
    fleet.world.create("/dubbo/metadata/java-app/77", metadata, 0)
    before = fleet.world.asked["nodes"]
    fleet.world.change(JAVA_NODE, java_node(**{"dubbo.metadata.revision": "77"}))
    fleet.advance(1)
    assert updates.last == [evolve(EXPECTED, weight=7, tags={})]
    assert fleet.world.asked["nodes"] - before == 2, "the node, and the metadata"


@pytest.mark.parametrize("mode", ["all", "instance", "interface"])
def test_providers_in_python(fleet, mode):
    """
    All that they say arrives, at whatever level, and one at both is one.
    """
    fleet.done(fleet.registry(register_mode=mode).announce(an_instance()))
    updates = watched(fleet)
    assert updates.last == [an_instance()]


def test_both_levels_are_one_list(fleet):
    """
    Providers at either level are called: none starves because others are at both.
    """
    provider_in_java(fleet)
    fleet.done(fleet.registry(register_mode="interface").announce(an_instance()))
    assert watched(fleet).last == [EXPECTED, an_instance()]


def test_one_at_both_levels_is_one(fleet):
    """
    Java's ids differ by level only if the facts do; the address says that it is the same.
    """
    provider_in_java(fleet)
    same = evolve(EXPECTED, id="other", tags={})
    fleet.done(fleet.registry(register_mode="interface").announce(same))
    assert watched(fleet).last == [same]


def test_a_process_with_equal_services_costs_one_read(fleet):
    """
    A revision is read once.
    """
    provider_in_java(fleet)
    for number in range(20):
        fleet.world.create(f"/services/java-app/10.0.1.{number}:1", java_node(), 7)
    before = fleet.world.asked["nodes"]
    watched(fleet)
    assert fleet.world.asked["nodes"] - before == 21 + 2, "the nodes, mapping and metadata"


class Providers:
    """
    Answers the metadata service.
    """

    def __init__(self, answer):
        self.answer = answer
        self.asked = []
        self.closed = 0

    def __call__(self, address, protocol, tls=None):
        self.asked.append((str(address), protocol))
        return self

    async def call(self, method, request, options):
        self.asked.append((method.path, request, dict(options.metadata)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self):
        self.closed += 1


def metadata_service(protocol):
    """
    Return what a node says of its metadata service.
    """
    params = json.dumps({"port": "20881", "protocol": protocol})
    return {"dubbo.metadata-service.url-params": params}


@pytest.mark.parametrize("protocol", ["dubbo", "tri"])
def test_a_provider_is_asked_for_its_metadata(fleet, protocol):
    """
    Storage type local is Dubbo's default. It answers over its own protocol.
    """
    service = JavaObject("org.apache.dubbo.metadata.MetadataInfo$ServiceInfo", JAVA_SERVICE)
    services = {"blue/demo.Greeter:1.2:dubbo": service}
    answer = JavaObject("org.apache.dubbo.metadata.MetadataInfo", {"services": services})
    providers = Providers(answer)
    provider_in_java(fleet, storage="local", **metadata_service(protocol))
    updates = watched(fleet, open_channel=providers)
    assert updates.last == [EXPECTED]
    path = "org.apache.dubbo.metadata.MetadataService/getMetadataInfo(java.lang.String)"
    asked = (path, ["56c1"], {"group": "java-app", "version": "1.0.0"})
    assert providers.asked == [("tcp:10.0.0.7:20881", protocol), asked]
    assert providers.closed == 1


def not_in_use(address, protocol, tls=None):
    raise PluginError(f"the protocol {protocol!r} is not in use here")


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("tri", "speaks tri; add tri to [app] protocols, or set metadata-type=remote there"),
        ("rest", "speaks 'rest', expected dubbo or tri; set metadata-type=remote there"),
    ],
)
def test_a_provider_that_cannot_be_asked(fleet, protocol, expected):
    """
    It is left out, and a line in the log says what to do.
    """
    provider_in_java(fleet, storage="local", **metadata_service(protocol))
    with capturedLogs() as logged:
        updates = watched(fleet, open_channel=not_in_use)
    (line,) = warnings(logged)
    assert updates.last == []
    assert expected in line


@pytest.mark.parametrize("answer", [Unavailable("away"), None, {"services": {"a": {"name": 7}}}])
def test_a_provider_that_does_not_answer(fleet, answer):
    """
    It is left out with a line in the log, and asked again after a while.
    """
    provider_in_java(fleet, storage="local")
    providers = Providers(answer)
    with capturedLogs() as logged:
        updates = watched(fleet, open_channel=providers)
        assert updates.last == []
    assert len(warnings(logged)) <= 1
    providers.answer = JAVA_METADATA
    if answer is None:
        return  # it has no services, and said so
    fleet.advance(7)
    assert updates.last == [EXPECTED]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"address":"h","port":70000}',
        b'{"address":"h","port":"x"}',
        b'{"address":"h h","port":1}',
        java_node(**{"dubbo.metadata.revision": "../../x"}),
        java_node(more="x" * (1 << 16)),
        java_node(**{"dubbo.metadata.revision": "gone"}),
    ],
)
def test_hostile_nodes(fleet, bad):
    """
    They are left out, with one line in the log however many there are.
    """
    provider_in_java(fleet)
    for number in range(100):
        fleet.world.create(f"/services/java-app/bad{number}", bad, 7)
    with capturedLogs() as logged:
        updates = watched(fleet)
    assert updates.last == [EXPECTED]
    assert 1 == len(warnings(logged))


@pytest.mark.parametrize(
    "change",
    [
        {"port": 1 << 20},
        {"params": {"weight": "-1"}},
        {"params": {str(number): "" for number in range(1001)}},
        {"path": "demo.Other"},
        {"protocol": "a b"},
    ],
)
def test_hostile_services(fleet, change):
    """
    What cannot be called is left out with a line in the log.
    """
    services = {"a": {**JAVA_SERVICE, **change}}
    provider_in_java(fleet, {"services": services})
    with capturedLogs() as logged:
        assert watched(fleet).last == []
    assert 1 == len(warnings(logged))


@pytest.mark.parametrize("bad", [b"\xff", b",".join(b"a%d" % number for number in range(101))])
def test_hostile_mappings(fleet, bad):
    """
    They are left out with a line in the log; the interface level stays.
    """
    fleet.done(fleet.registry(register_mode="interface").announce(an_instance()))
    fleet.world.create(MAPPING, bad, 0)
    with capturedLogs() as logged:
        assert watched(fleet).last == [an_instance()]
    assert 1 == len(warnings(logged))


def test_names_in_a_mapping_are_no_paths(fleet):
    """
    Nothing outside of the applications is read.
    """
    fleet.world.create(MAPPING, b"../dubbo,.., ,a/b,java-app ", 0)
    watched(fleet)
    assert {path for _, path in fleet.world.watchers if path.startswith("/services")} == {
        "/services/java-app"
    }


def test_an_application_level_that_may_not_be_read(fleet):
    """
    Nobody waits for it: what is at interface level is enough.
    """
    registry = fleet.registry()
    session, read = fleet.sessions[0], fleet.sessions[0].read

    def refused(paths, watcher=None):
        session.failures.append(Refused("not permitted"))
        return read(paths, watcher)

    session.read = refused
    assert watched(fleet, registry).last == []


def test_after_a_lost_connection(fleet):
    """
    Watches are gone then: everything is read again.
    """
    provider_in_java(fleet)
    updates = watched(fleet)
    fleet.sessions[0].suspend()
    fleet.world.change(JAVA_NODE, java_node(**{"dubbo.tag": "gray"}))
    fleet.sessions[0].connect()
    fleet.advance(1)
    assert updates.last == [evolve(EXPECTED, tags={"timeout": "2000", "dubbo.tag": "gray"})]


def test_nobody_watches_any_more(fleet):
    """
    Nothing is read then, and a new watch gets what is there by then.
    """
    provider_in_java(fleet)
    registry = fleet.registry()
    watch = registry.watch("demo.Greeter", ReceivedUpdates())
    fleet.advance(1)
    watch.close()
    fleet.advance(1)
    before = fleet.world.asked["nodes"]
    fleet.world.change(JAVA_NODE, java_node(**{"dubbo.tag": "gray"}))
    fleet.advance(40)
    assert fleet.world.asked["nodes"] == before
    assert watched(fleet, registry).last[0].tags["dubbo.tag"] == "gray"


def test_a_node_in_the_tree_of_another_session(fleet):
    """
    A process does not lose its own node by watching it.
    """
    registry = fleet.registry()
    fleet.done(registry.announce(an_instance()))
    assert watched(fleet, registry).last == [an_instance()]
    assert NODE in fleet.world.nodes
