"""
Documents of configurators.
"""

from __future__ import annotations

import pytest

from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw_dubbo_rules.configurators import Side, read_configurators

PROVIDER = Side("provider", "greeters", "10.0.0.1")
CONSUMER = Side("consumer", "shop", "10.0.0.9")
INSTANCE = Instance(
    "demo.Greeter", "a", Address("tcp", "10.0.0.1", 20880), version="1.0.0", tags={"lane": "b"}
)

#: As Dubbo Admin writes the weight of a provider.
GOLDEN = """\
configVersion: v3.0
enabled: true
key: demo.Greeter:1.0.0
scope: service
configs:
  - side: provider
    type: weight
    enabled: true
    addresses: ["10.0.0.1:20880"]
    parameters: {weight: 20}
"""


def of(*configs: str, more: str = "") -> str:
    return f"{more}configs:\n" + "".join(f"  - {{{each}}}\n" for each in configs)


def applied(text: str, side: Side = PROVIDER) -> Instance | None:
    return read_configurators(text).apply(side, INSTANCE)


def weight(text: str, side: Side = PROVIDER) -> int:
    found = applied(text, side)
    assert found is not None
    return found.weight


def test_the_document_of_dubbo_admin():
    """
    The weight is that of the document, at the provider's side only.
    """
    assert weight(GOLDEN) == 20
    assert weight(GOLDEN, CONSUMER) == 100


def test_a_provider_is_disabled_and_enabled():
    """
    The last entry counts.
    """
    off = "side: consumer, parameters: {disabled: true}"
    on = "side: consumer, parameters: {disabled: false}"
    assert applied(of(off), CONSUMER) is None
    assert applied(of(off, on), CONSUMER) == INSTANCE


def test_other_parameters_become_tags():
    """
    So a provider gets another ``dubbo.tag``, and one that Java consumers read.
    """
    found = applied(of("side: provider, parameters: {dubbo.tag: gray, timeout: 500}"))
    assert found is not None
    assert found.tags == {"lane": "b", "dubbo.tag": "gray", "timeout": "500"}


def test_a_consumer_says_which_parameters_it_does_not_take():
    """
    Those say how calls are made, and are options of the client here.
    """
    found = read_configurators(of("side: consumer, parameters: {timeout: 5, weight: 7, a: b}"))
    assert found.ignored == ("timeout",)
    instance = found.apply(CONSUMER, INSTANCE)
    assert instance is not None
    assert (instance.weight, instance.tags) == (7, {"lane": "b", "a": "b"})


#: Entries for a consumer, and whether they are for the one above.
ENTRIES = {
    "addresses: [0.0.0.0]": True,
    "addresses: [10.0.0.9]": True,
    "addresses: [10.0.0.8]": False,
    "providerAddresses: ['10.0.0.1:20880']": True,
    "providerAddresses: [10.0.0.1]": True,
    "providerAddresses: ['10.0.0.1:1']": False,
    "applications: [shop]": True,
    "applications: [other]": False,
    "services: ['demo.Greeter:1.0.0']": True,
    "services: ['*']": True,
    "services: ['g/demo.Greeter:1.0.0']": False,
    "match: {address: {wildcard: 10.0.0.*}}": True,
    "match: {address: {cird: 10.0.1.0/24}}": False,
    "match: {providerAddress: {exact: '10.0.0.1:20880'}}": True,
    "match: {providerAddress: {cird: 10.0.0.0/24}}": True,
    "match: {service: {oneof: [{prefix: demo.}]}}": True,
    "match: {service: {oneof: [{exact: demo.Greeter}]}}": False,
    "match: {app: {oneof: [{exact: other}, {exact: shop}]}}": True,
    "match: {param: [{key: lane, value: {exact: b}}]}": True,
    "match: {param: [{key: lane, value: {exact: c}}]}": False,
    "match: {param: [{key: missing, value: {empty: x}}]}": False,
}


@pytest.mark.parametrize(("entry", "fits"), ENTRIES.items())
def test_who_an_entry_is_for(entry, fits):
    """
    All that an entry says of consumers and providers must fit.
    """
    text = of(f"side: consumer, parameters: {{weight: 7}}, {entry}")
    assert weight(text, CONSUMER) == (7 if fits else 100)


def test_the_scope_of_an_application():
    """
    The key is its name then, and each service is meant.
    """
    config = "side: provider, parameters: {weight: 7}"
    assert weight(of(config, more="scope: application\nkey: greeters\n")) == 7
    assert weight(of(config, more="scope: application\nkey: other\n")) == 100


@pytest.mark.parametrize("key", ["demo.Greeter:1.0.0", "'demo.Greeter:1.0.0:'"])
def test_the_scope_of_a_service(key):
    """
    The key is with the version, in either of the two forms.
    """
    config = "side: provider, parameters: {weight: 7}"
    assert weight(of(config, more=f"scope: service\nkey: {key}\n")) == 7
    assert weight(of(config, more="scope: service\nkey: demo.Greeter\n")) == 100


def test_what_is_not_enabled_changes_nothing():
    """
    The whole document, or an entry that has a type of its own.
    """
    config = "side: provider, parameters: {weight: 7}"
    assert weight(of(config, more="enabled: false\n")) == 100
    assert weight(of(f"{config}, type: weight, enabled: false")) == 100


def test_a_parameter_that_no_record_can_hold_changes_nothing():
    """
    A document cannot put into the registry what its readers refuse.
    """
    assert applied(of('side: provider, parameters: {a: "\\e[31m"}')) == INSTANCE


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("side: provider", "configs 1: parameters: expected at least one"),
        ("parameters: {weight: 1}", "configs 1: side: expected provider or consumer"),
        ("side: provider, parameters: {weight: -1}", "weight: expected 0 to 1000000, got '-1'"),
        ("side: provider, parameters: {weight: 9999999}", "weight: expected 0 to 1000000"),
        ("side: provider, parameters: {weight: 1}, match: {a: b}", "a: expected one of address"),
        ("side: provider, parameters: {weight: 1}, match: {app: {}}", "oneof: expected a list"),
        ("side: provider, parameters: {weight: 1}, match: {address: {cird: x}}", "does not appear"),
        (
            "side: consumer, parameters: {weight: 1}, providerAddresses: [10.0.0.1/99]",
            r"configs 1: providerAddresses: '10\.0\.0\.1/99' is no network",
        ),
        (
            "side: provider, parameters: {weight: 1}, addresses: [a/b]",
            "configs 1: addresses: 'a/b' is no network",
        ),
        # Python refuses to read so many digits, even zeros.
        (f"side: provider, parameters: {{weight: {'0' * 5000}}}", "weight: expected 0 to 1000000"),
    ],
)
def test_refuses_what_it_cannot_read(config, reason):
    """
    The error says where, and what was expected.
    """
    with pytest.raises(ValueError, match=reason):
        read_configurators(of(config))
