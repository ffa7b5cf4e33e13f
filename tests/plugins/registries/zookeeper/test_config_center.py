"""
The config centre of Dubbo, on a ZooKeeper in memory.
"""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from rpcfw.errors import RegistryError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import FixedCandidate, a_call
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Author, service_scope
from rpcfw_dubbo_rules.followed import FollowedRules
from rpcfw_dubbo_rules.router import DubboRouter
from rpcfw_dubbo_rules.scopes import CONDITIONS, CONFIGURATORS, TAGS, application_scope
from rpcfw_dubbo_rules.scopes import service_scope as dubbo_scope
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World

FOLDER = "/dubbo/config/dubbo"
SERVICE = f"{FOLDER}/demo.Greeter:1.2:blue.configurators"
SHOP = application_scope("shop")


def config(side: str, **parameters: str) -> bytes:
    """
    Return a document that gives all instances these parameters.
    """
    given = ", ".join(f"{name}: {value}" for name, value in parameters.items())
    return f"configs: [{{side: {side}, parameters: {{{given}}}}}]".encode()


class Place:
    """
    A ZooKeeper, and a registry of it with Dubbo's layout.
    """

    def __init__(self) -> None:
        self.world = World()
        self.clock = Clock()
        options = options_of(ZooKeeperOptions, layout="dubbo", show_consumers="no")
        self.session = FakeSession(self.world)
        self.registry = ZooKeeperRegistry(options, plugin_context(self.clock), self.session)
        spawn(self.registry.start())
        self.lists: list = []

    def pass_time(self, seconds: float = 1.0) -> None:
        for _ in range(round(seconds * 20)):
            self.clock.advance(0.05)

    def write(self, path: str, data: bytes) -> None:
        """
        Write a document as somebody else does.
        """
        if path in self.world.nodes:
            self.world.change(path, data)
        else:
            self.world.create(path, data, 0)
        self.pass_time()

    def remove(self, path: str) -> None:
        self.world.delete(path)
        self.pass_time()

    def announce(self, **fields) -> None:
        spawn(self.registry.announce(an_instance(weight=100, **fields)))
        self.pass_time()

    def watch(self):
        """
        Watch the service; `lists` has what is told.
        """
        watch = self.registry.watch("demo.Greeter", lambda told: self.lists.append(told.instances))
        self.pass_time()
        return watch

    @property
    def weights(self) -> list[int]:
        return [each.weight for each in self.lists[-1]]

    @property
    def url(self) -> str:
        (name,) = self.world.names("/dubbo/demo.Greeter/providers")
        return unquote(name)


@pytest.fixture
def place():
    made = Place()
    yield made
    spawn(made.registry.stop())
    made.pass_time()


def documents(place, scope):
    """
    Return a list that gets the documents of a scope, as texts by kind.
    """
    told = []

    def listener(found):
        told.append({kind: each.body for kind, each in found.documents.items()})

    place.registry.rules().watch(scope, listener)
    place.pass_time()
    return told


def test_reports_the_documents_of_a_scope(place):
    """
    Once as soon as they are known, also if there are none, and after each change within 350 ms.
    """
    told = documents(place, SHOP)
    assert told == [{}]
    place.world.create(f"{FOLDER}/shop.tag-router", b"a", 0)
    place.pass_time(0.35)
    assert told[1:] == [{TAGS: "a"}]
    place.write(f"{FOLDER}/shop.condition-router", b"b")
    assert told[-1] == {TAGS: "a", CONDITIONS: "b"}
    place.write(f"{FOLDER}/shop.tag-router", b"")
    assert told[-1] == {CONDITIONS: "b"}
    place.remove(f"{FOLDER}/shop.condition-router")
    assert told[-1] == {}


def test_misses_nothing_while_no_server_is_reached(place):
    """
    What has changed meanwhile is reported after the reconnect.
    """
    told = documents(place, SHOP)
    place.session.suspend()
    place.world.create(f"{FOLDER}/shop.tag-router", b"a", 0)
    place.pass_time(5)
    assert told == [{}]
    place.session.connect()
    place.pass_time(1)
    assert told[-1] == {TAGS: "a"}


def test_the_key_of_a_service_has_its_version_and_group(place):
    """
    As in Dubbo, the colons stay where one of them is missing.
    """
    told = documents(place, dubbo_scope("demo.Greeter", "", "red"))
    place.write(f"{FOLDER}/demo.Greeter::red.condition-router", b"a")
    assert told[-1] == {CONDITIONS: "a"}


def test_no_name_leads_elsewhere(place):
    """
    A slash in the name of an application is no way to other znodes.
    """
    told = documents(place, application_scope("../../x"))
    assert told == [{}]
    watched = [path for _, path in place.world.watchers if "x." in path]
    assert sorted(watched) == sorted(
        f"{FOLDER}/..%2F..%2Fx.{kind}" for kind in (TAGS, CONDITIONS, CONFIGURATORS)
    )


def test_our_own_rules_are_beside_them(place):
    """
    Documents of rpcfw are put as ever; those of Dubbo are not written from here.
    """
    rules = place.registry.rules()
    author = Author("bob")
    put = spawn(rules.put(service_scope("demo.Greeter"), "policies", "[retry]", 0, author))
    assert put.result.version == 1
    refused = spawn(rules.put(SHOP, TAGS, "a", 0, author))
    with pytest.raises(RegistryError, match="are changed with Dubbo Admin"):
        refused.result.raiseException()
    refused.addErrback(lambda failure: None)
    place.write(f"{FOLDER}/shop.tag-router", b"a")
    (document,) = spawn(rules.read(SHOP)).result.documents.values()
    assert (document.kind, document.body) == (TAGS, "a")
    assert spawn(rules.history(SHOP)).result == ()


def test_a_document_that_is_too_large_is_refused(place):
    """
    It is not even decoded, and the last good one stays.
    """
    read = {CONDITIONS: lambda text: text if text == "good" else int(text)}
    followed = FollowedRules(
        place.registry.rules(), read, lambda: None, place.registry.plugin_context
    )
    followed.add([SHOP])
    place.write(f"{FOLDER}/shop.condition-router", b"good")
    with capturedLogs() as logged:
        place.write(f"{FOLDER}/shop.condition-router", b"x" * (MAX_DOCUMENT_BYTES + 1))
    assert followed.get(SHOP, CONDITIONS) == "good"
    assert ["!too large" in str(each.get("reason")) for each in logged] == [True]
    followed.close()


def test_what_is_watched_is_known(place):
    """
    Documents can be asked for without waiting, for as long as somebody watches them.
    """
    rules = place.registry.rules()
    assert rules.known(SHOP) is None
    place.write(f"{FOLDER}/shop.tag-router", b"a")
    watch = rules.watch(SHOP, lambda found: None)
    assert rules.known(SHOP) is None
    place.pass_time()
    assert rules.known(SHOP).documents[TAGS].body == "a"
    place.write(f"{FOLDER}/shop.tag-router", b"b")
    assert rules.known(SHOP).documents[TAGS].body == "b"
    watch.close()
    watch.close()
    assert rules.known(SHOP) is None
    assert rules.known(service_scope("demo.Greeter")) is None


def test_two_who_watch_a_scope_share_its_watches(place):
    """
    The second is told what is known, later and once; who has closed its watch is told nothing.
    """
    first = documents(place, SHOP)
    second = []
    watch = place.registry.rules().watch(SHOP, second.append)
    assert second == []
    place.pass_time()
    assert len(second) == 1
    paths = [path for _, path in place.world.watchers if path.startswith(f"{FOLDER}/shop.")]
    assert len(paths) == 3
    watch.close()
    place.write(f"{FOLDER}/shop.tag-router", b"a")
    assert first == [{}, {TAGS: "a"}]
    assert len(second) == 1


def test_the_first_list_finds_a_router_that_obeys(place):
    """
    The documents of each application and service are known when the instances are told.
    """
    name = place.registry.plugin_context.application
    place.write(f"{FOLDER}/{name}.tag-router", b"tags: [{name: red, addresses: ['10.0.0.7']}]")
    rule = b"force: true\nconditions: ['=> host=10.0.0.8']"
    place.write(f"{FOLDER}/demo.Greeter:1.2:blue.condition-router", rule)
    place.announce()
    router = DubboRouter(options_of(DubboRouter.Options), place.registry.plugin_context)
    router.follow(place.registry)
    left = []

    def listener(told):
        candidates = [FixedCandidate(one) for one in told.instances]
        left.append(list(router.narrow(a_call(), candidates)))

    place.registry.watch("demo.Greeter", listener)
    place.pass_time()
    assert left == [[]]


def test_instances_do_not_wait_for_documents_for_ever(place):
    """
    After three seconds they are told, and one line of the log says that rules are missing.
    """
    answered = place.session.exists

    def exists(path, watcher=None):
        return Deferred() if path.startswith(FOLDER) else answered(path, watcher)

    place.session.exists = exists
    place.announce()
    place.watch()
    place.pass_time(1.5)
    assert not place.lists
    with capturedLogs() as logged:
        place.pass_time(1)
    assert [len(each) for each in place.lists] == [1]
    (warning,) = [each for each in logged if each["log_level"] is LogLevel.warn]
    assert (warning["service"], warning["waited"]) == ("demo.Greeter", "3s")


# Configurators.


def test_a_consumer_takes_another_weight(place):
    """
    The list is told anew when a document comes, changes, and goes.
    """
    place.announce()
    place.watch()
    assert place.weights == [100]
    place.write(SERVICE, config("consumer", weight="7"))
    assert place.weights == [7]
    assert "&weight=100&" in place.url
    place.write(SERVICE, config("consumer", weight="8"))
    assert place.weights == [8]
    place.remove(SERVICE)
    assert place.weights == [100]


def test_a_consumer_does_not_call_what_is_disabled_for_it(place):
    """
    The first list that it is told is without it.
    """
    place.write(SERVICE, config("consumer", disabled="true"))
    place.announce()
    place.watch()
    assert place.lists == [()]
    place.write(SERVICE, b"")
    assert place.weights == [100]


def test_the_documents_of_the_consumers_application_are_for_it_too(place):
    """
    Those of the service decide after them.
    """
    own = place.registry.plugin_context.application
    place.announce()
    place.watch()
    place.write(f"{FOLDER}/{own}.configurators", config("consumer", weight="7"))
    assert place.weights == [7]
    place.write(SERVICE, config("consumer", weight="8"))
    assert place.weights == [8]


def test_says_what_a_consumer_does_not_take(place):
    """
    One line of the log names the parameters.
    """
    place.announce()
    place.watch()
    with capturedLogs() as logged:
        place.write(SERVICE, config("consumer", timeout="500", weight="7"))
    warnings = [each for each in logged if each["log_level"] is LogLevel.warn]
    assert [each["names"] for each in warnings] == ["timeout"]
    assert place.weights == [7]


def test_a_wrong_document_leaves_the_last_good_one(place):
    """
    It is one line of the log.
    """
    place.announce()
    place.watch()
    place.write(SERVICE, config("consumer", weight="7"))
    with capturedLogs() as logged:
        place.write(SERVICE, config("consumer", weight="-7"))
    assert place.weights == [7]
    warnings = [each for each in logged if each["log_level"] is LogLevel.warn]
    assert ["weight: expected 0 to" in each["reason"] for each in warnings] == [True]


def test_who_has_closed_its_watch_is_told_nothing(place):
    """
    Neither of instances nor of documents.
    """
    place.announce()
    place.watch().close()
    before = len(place.lists)
    place.write(SERVICE, config("consumer", weight="7"))
    assert len(place.lists) == before


def test_a_provider_announces_what_it_is_configured_to(place):
    """
    Its URL has the other weight and tag, as consumers in Java read it, while the document is there.
    """
    place.announce()
    place.write(SERVICE, config("provider", weight="7", **{"dubbo.tag": "gray"}))
    assert "&weight=7&" in place.url
    assert "dubbo.tag=gray" in place.url
    place.remove(SERVICE)
    assert "&weight=100&" in place.url
    assert "dubbo.tag" not in place.url


def test_a_provider_that_is_disabled_is_not_announced(place):
    """
    It is again when it is enabled.
    """
    place.write(SERVICE, config("provider", disabled="true"))
    place.announce()
    assert not place.world.names("/dubbo/demo.Greeter/providers")
    place.write(SERVICE, config("provider", disabled="false"))
    assert "&weight=100&" in place.url
    place.write(SERVICE, config("provider", disabled="true"))
    assert not place.world.names("/dubbo/demo.Greeter/providers")


def test_what_is_withdrawn_does_not_come_back(place):
    """
    A document that comes later announces nothing.
    """
    place.announce()
    place.write(SERVICE, config("provider", weight="7"))
    spawn(place.registry.withdraw(an_instance()))
    place.pass_time()
    place.write(SERVICE, config("provider", weight="8"))
    assert not place.world.names("/dubbo/demo.Greeter/providers")
