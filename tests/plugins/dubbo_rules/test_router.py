"""
The router of Dubbo's rules, on rules in memory.
"""

from __future__ import annotations

import pytest
from twisted.logger import LogLevel, capturedLogs

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw.values.rule import Document, RuleSet
from rpcfw_dubbo_rules.router import DubboRouter
from rpcfw_dubbo_rules.scopes import CONDITIONS, TAGS, application_scope, service_scope

ONE = candidate("one", address=Address("tcp", "10.0.0.1", 20880), application="greeters")
TWO = candidate(
    "two", address=Address("tcp", "10.0.0.2", 20880), version="2.0.0", application="greeters"
)
BOTH = (ONE, TWO)


class Place:
    """
    A registry and its rules, which reports at once.
    """

    def __init__(self) -> None:
        self.watched: dict = {}
        self.version = 0
        self.reported: dict = {}

    def rules(self):
        return self

    def watch(self, scope, listener, on_refused):
        self.watched[scope] = listener
        return self

    def close(self):
        self.watched.clear()

    def known(self, scope):
        return self.reported.get(scope)

    def put(self, scope, **texts) -> None:
        """
        Report the documents of a scope, by kind.
        """
        self.version += 1
        kinds = {"tags": TAGS, "conditions": CONDITIONS}
        documents = {
            kinds[name]: Document(kinds[name], text, self.version) for name, text in texts.items()
        }
        self.reported[scope] = RuleSet(scope, self.version, documents)
        if scope in self.watched:
            self.watched[scope](self.reported[scope])


def to(host: str, *, force: bool = True) -> str:
    return f"force: {str(force).lower()}\nconditions: ['=> host={host}']"


@pytest.fixture
def place():
    return Place()


@pytest.fixture
def router(place):
    made = DubboRouter(options_of(DubboRouter.Options, host="10.0.0.9"), plugin_context())
    made.follow(place)
    made.narrow(a_call(), BOTH)  # it follows what there may be for these
    return made


class TestDubboContract(RouterContract):
    def make(self):
        return DubboRouter(options_of(DubboRouter.Options), plugin_context())


class TestRuledContract(RouterContract):
    max_keys = 2

    def make(self):
        place = Place()
        made = DubboRouter(options_of(DubboRouter.Options, tag="gray"), plugin_context())
        made.follow(place)
        rules = "force: true\nconditions: ['method=write => zone=west', 'arguments[0]=7 =>']"
        place.put(application_scope(plugin_context().application), conditions=rules)
        return made


def test_follows_what_instances_say_of_themselves(router, place):
    """
    There is a watch for the own application, that of the providers, and each version.
    """
    assert set(place.watched) == {
        application_scope(plugin_context().application),
        application_scope("greeters"),
        service_scope("demo.Greeter", "", ""),
        service_scope("demo.Greeter", "2.0.0", ""),
    }
    assert spawn(router.stop()).called
    assert not place.watched


def test_a_rule_of_a_version_is_for_its_instances(router, place):
    """
    The instances of other versions stay as they are.
    """
    place.put(service_scope("demo.Greeter", "2.0.0", ""), conditions=to("10.0.0.7"))
    assert list(router.narrow(a_call(), BOTH)) == [ONE]


def test_a_rule_of_the_own_application_is_for_all(router, place):
    """
    It is the last one to decide.
    """
    own = application_scope(plugin_context().application)
    place.put(own, conditions=to("10.0.0.2"))
    assert list(router.narrow(a_call(), BOTH)) == [TWO]
    place.put(own)
    assert list(router.narrow(a_call(), BOTH)) == [ONE, TWO]


def test_what_is_known_already_holds_for_the_first_call(place):
    """
    A route that was found with rules that its key lacks is not used again.
    """
    place.put(application_scope("greeters"), conditions=to("10.0.0.1"))
    other = "conditions: ['method=get => host=10.0.0.2']"
    place.put(service_scope("demo.Greeter", "2.0.0", ""), conditions=other)
    router = DubboRouter(options_of(DubboRouter.Options), plugin_context())
    router.follow(place)
    before = router.key(a_call())
    assert list(router.narrow(a_call(), BOTH)) == [ONE]
    assert router.key(a_call()) != before
    assert router.key(a_call(method="get")) != before
    assert not router.narrow(a_call(), BOTH[1:])


def test_what_was_not_reported_yet_is_asked_for(place):
    """
    Somebody else may have been told a moment ago; a call does not escape in between.
    """
    router = DubboRouter(options_of(DubboRouter.Options), plugin_context())
    router.follow(place)
    own = application_scope(plugin_context().application)
    listener = place.watched.pop(own)
    place.put(own, conditions=to("10.0.0.2"))
    assert list(router.narrow(a_call(), BOTH)) == [TWO]
    listener(place.known(own))
    assert list(router.narrow(a_call(), BOTH)) == [TWO]


def test_says_that_answers_have_changed(router, place):
    """
    Routes that are remembered are forgotten when a document comes.
    """
    told = []
    router.on_change(lambda: told.append(True))
    place.put(application_scope("greeters"), conditions=to("10.0.0.1"))
    assert told == [True]


def test_a_refused_call_says_which_rule_it_was(router, place):
    """
    A rule with nothing on its right side refuses; `rpcfw explain` shows it, too.
    """
    own = application_scope(plugin_context().application)
    place.put(own, conditions="conditions: ['method=say & host=10.0.0.9 =>']")
    assert not router.narrow(a_call(), BOTH)
    assert router.refusal(a_call()).startswith("the rule 'method=say & host=10.0.0.9 =>' of dubbo")
    assert not router.refusal(a_call(method="get"))
    reasons = router.reasons(a_call(), BOTH, ())
    assert reasons.step.startswith("the call has no tag; the rule 'method=say")
    assert reasons.of(ONE).startswith("the rule 'method=say")


def test_tags_of_the_providers_application(router, place):
    """
    Calls with the tag in their metadata go to its addresses, and others elsewhere.
    """
    text = "tags: [{name: gray, addresses: ['10.0.0.2:20880']}]"
    place.put(application_scope("greeters"), tags=text)
    assert list(router.narrow(a_call(metadata={"dubbo.tag": "gray"}), BOTH)) == [TWO]
    assert list(router.narrow(a_call(), BOTH)) == [ONE]
    forced = a_call(metadata={"dubbo.tag": "red", "dubbo.force.tag": "true"})
    assert list(router.narrow(forced, BOTH)) == []


def test_the_last_good_document_stays(router, place):
    """
    Each that is wrong is one line of the log and one count, and changes nothing.
    """
    scope = application_scope("greeters")
    place.put(scope, conditions=to("10.0.0.1"))
    with capturedLogs() as logged:
        place.put(scope, conditions="conditions: [")
        place.put(scope, conditions="conditions: [")
    warnings = [each for each in logged if each["log_level"] is LogLevel.warn]
    assert [each["kind"] for each in warnings] == [CONDITIONS, CONDITIONS]
    assert list(router.narrow(a_call(), BOTH)) == [ONE]
    (counted,) = [
        each for each in router.plugin_context.meter if each.name == "rpcfw_rules_refused_total"
    ]
    assert counted.of(CONDITIONS).value == 2


def test_one_with_other_options_follows_the_same(router, place):
    """
    What was found out about instances is taken over.
    """
    after = DubboRouter(options_of(DubboRouter.Options, tag="gray"), plugin_context())
    after.take_over(router)
    place.watched.clear()
    after.follow(place)
    assert application_scope("greeters") in place.watched


def test_a_registry_without_rules_has_none():
    """
    Then only tags that providers have themselves count.
    """

    class Bare:
        def rules(self):
            return None

    made = DubboRouter(options_of(DubboRouter.Options), plugin_context())
    made.follow(Bare())
    assert list(made.narrow(a_call(), BOTH)) == [ONE, TWO]


def test_hostile_versions_do_not_add_watches_without_end(router, place):
    """
    The number of documents that are followed has a bound.
    """
    many = [candidate(str(number), version=f"1.0.{number}") for number in range(2000)]
    router.narrow(a_call(), many)
    assert len(place.watched) == 1000
    followed = router.key(a_call())
    router.narrow(a_call(), [candidate("0", version=f"2.0.{number}") for number in range(2000)])
    # Each call looks at all that are noted.
    assert followed == router.key(a_call())
