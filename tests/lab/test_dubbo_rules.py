"""
Dubbo's rules at work: documents come and go while calls are made.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import NoInstances, PermissionDenied
from rpcfw.spi.service import Service, method
from rpcfw.values.rule import Author
from rpcfw_dubbo_rules.scopes import CONDITIONS, application_scope, service_scope


class Shop(Service, name="demo.Shop"):
    def __init__(self, name: str) -> None:
        self.name = name

    @method(idempotent=True)
    async def get(self, id: int) -> str:
        return self.name


class Rules:
    """
    Puts documents and removes them, as Dubbo Admin does.
    """

    def __init__(self, lab, consumer) -> None:
        self._lab = lab
        self._rules = consumer.application.registry.rules()
        self._versions = {}

    def put(self, scope, kind, text) -> None:
        version = self._versions.get((scope, kind), 0)
        document = self._lab.run(self._rules.put(scope, kind, text, version, Author("admin")))
        self._versions[scope, kind] = document.version
        self._lab.advance(1)

    def remove(self, scope, kind) -> None:
        version = self._versions.pop((scope, kind))
        self._lab.run(self._rules.remove(scope, kind, version, Author("admin")))
        self._lab.advance(1)


@pytest.fixture
def consumer(lab):
    lab.serve(Shop("old"), name="old", sets=["server.version=1.0.0"])
    lab.serve(Shop("new"), name="new", sets=["server.version=2.0.0", "server.tags=region=east"])
    return lab.consumer("client.routers=dubbo", "router dubbo.host=10.0.0.9")


@pytest.fixture
def rules(lab, consumer):
    return Rules(lab, consumer)


def asked(lab, consumer, **options) -> set[str]:
    """
    Return which providers answer.
    """
    shop = consumer.application.client(Shop)
    return {lab.run(shop.get(number, **options)) for number in range(20)}


def test_a_rule_takes_effect_and_goes_away(lab, consumer, rules):
    """
    Calls go where the rule says for as long as it is there.
    """
    own = application_scope(consumer.application.plan.app.name)
    assert asked(lab, consumer) == {"old", "new"}
    rules.put(own, CONDITIONS, "conditions: ['method=get => region=east']")
    assert asked(lab, consumer) == {"new"}
    rules.put(own, CONDITIONS, "conditions: ['method=get => version=1.0.0']")
    assert asked(lab, consumer) == {"old"}
    rules.put(own, CONDITIONS, "conditions: [")
    assert asked(lab, consumer) == {"old"}
    rules.remove(own, CONDITIONS)
    assert asked(lab, consumer) == {"old", "new"}


def test_a_rule_of_a_service_is_for_a_version(lab, consumer, rules):
    """
    With force it may leave none of this version.
    """
    assert asked(lab, consumer) == {"old", "new"}
    none = "force: true\nconditions: ['=> host=nobody']"
    rules.put(service_scope("demo.Shop", "1.0.0", ""), CONDITIONS, none)
    assert asked(lab, consumer) == {"new"}
    rules.put(service_scope("demo.Shop", "2.0.0", ""), CONDITIONS, none)
    with pytest.raises(NoInstances, match=r"\[router dubbo\] refused the last"):
        asked(lab, consumer)


def test_a_consumer_that_is_denied_is_told_which_rule_it_was(lab, consumer, rules):
    """
    The call fails at once, and is not retried.
    """
    own = application_scope(consumer.application.plan.app.name)
    rules.put(own, CONDITIONS, "conditions: ['host=10.0.0.* =>']")
    with pytest.raises(PermissionDenied, match=r"host=10\.0\.0\.\* =>"):
        asked(lab, consumer)
