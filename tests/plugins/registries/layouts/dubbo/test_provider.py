"""
Instances as URLs of Dubbo, and what Java writes as instances.
"""

from __future__ import annotations

from urllib.parse import quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.provider import instance_of, provider_url, schemes_of
from rpcfw_registries.layouts.dubbo.url import DubboURL

#: As Dubbo 3.2 writes it, but for the order of two facts.
JAVA = (
    "dubbo://10.0.0.7:20880/com.acme.OrderService?application=java-provider&deprecated=false"
    "&dubbo=2.0.2&dynamic=true&generic=false&group=blue&interface=com.acme.OrderService"
    "&methods=get,say&prefer.serialization=fastjson2,hessian2&release=3.2.16&revision=1.0.0"
    "&service-name-mapping=true&side=provider&timestamp=1795921814013&version=1.0.0&weight=50"
)


def read(url, service="com.acme.OrderService"):
    """
    Return the instance of a URL in clear text, encoded as Java encodes it.
    """
    return instance_of(DubboURL.parse(quote_plus(url)), service)


def url_of(instance):
    """
    Return the URL of an instance, as a reader decodes it.
    """
    return unquote(provider_url(instance, "shop").node_name)


def test_a_provider_in_java():
    """
    What Dubbo says of it is in the facts of the instance; its own affairs are no tags.
    """
    assert read(JAVA) == Instance(
        service="com.acme.OrderService",
        id="10.0.0.7:20880/blue:1.0.0",
        address=Address("tcp", "10.0.0.7", 20880),
        protocols=("dubbo",),
        weight=50,
        group="blue",
        version="1.0.0",
        started_at=1795921814.013,
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("dubbo.tag=gray", {"tags": {"dubbo.tag": "gray"}}),
        ("timeout=500&say.timeout=9", {"tags": {"timeout": "500", "say.timeout": "9"}}),
        ("environment=a+b c", {"tags": {"environment": "a+b c"}}),
        ("version=0.0.0", {"version": ""}),
        ("weight=0", {"weight": 0}),
        ("zone=east", {"zone": "east"}),
        ("ssl-enabled=true", {"address": Address("tls", "10.0.0.7", 20880)}),
    ],
)
def test_parameters_of_java(more, expected):
    """
    A parameter that Java may add changes one fact. What rpcfw has no fact for is a tag.
    """
    found = read(f"{JAVA}&{more}")
    for name, value in expected.items():
        assert value == getattr(found, name)


@pytest.mark.parametrize("more", ["prefer.serialization=fastjson2", "serialization=kryo"])
def test_another_serialization(more):
    """
    Such a provider is called all the same: Dubbo takes Hessian 2 besides what the URL names.
    """
    found = read(f"{JAVA}&{more}")

    assert ("10.0.0.7", 20880) == (found.address.host, found.address.port)
    assert "serialization" not in found.tags


@pytest.mark.parametrize("more", ["disabled=true", "enabled=false"])
def test_a_disabled_provider(more):
    """
    It is left out, and that is no mistake.
    """
    assert read(f"{JAVA}&{more}") is None


def test_the_same_provider_after_a_restart():
    """
    It has the same id, so the later one takes the place of the former.
    """
    later = JAVA.replace("timestamp=1795921814013", "timestamp=1795921999999")
    assert read(JAVA).id == read(later).id
    assert read(JAVA).started_at < read(later).started_at


def test_services_of_one_provider_have_ids_of_their_own():
    """
    One address may serve several groups and versions of an interface.
    """
    ids = {read(JAVA.replace("version=1.0.0", f"version={number}")).id for number in range(3)}
    ids |= {read(JAVA.replace("group=blue&", "")).id, read(JAVA.replace("dubbo://", "tri://")).id}
    assert 5 == len(ids)


def test_triple():
    """
    Plain gRPC with Protobuf works with a provider of Triple.
    """
    assert ("tri", "grpc") == read(JAVA.replace("dubbo://", "tri://")).protocols


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "expected the URL of a provider"),
        ("dubbo", "expected the URL of a provider"),
        ("dubbo://", "it is a provider of ''"),
        ("DUBBO://10.0.0.7:1/com.acme.OrderService", "expected the URL of a provider"),
        ("dubbo://10.0.0.7/com.acme.OrderService", "is no address"),
        ("dubbo://10.0.0.7:0/com.acme.OrderService", "has the port 0"),
        ("dubbo://10.0.0.7:70000/com.acme.OrderService", "is no address"),
        ("dubbo://bob:pw@10.0.0.7:20880/com.acme.OrderService", "has a user"),
        ("dubbo://a b:20880/com.acme.OrderService", "is no address"),
        (JAVA.replace("OrderService?", "Other?"), "its path is 'com.acme.Other'"),
        (JAVA.replace("/com", "/context/com"), "its path is 'context/com.acme.OrderService'"),
        (JAVA.replace("interface=com.acme.Order", "interface=com.acme.X"), "is a provider of"),
        (f"{JAVA}&category=configurators", "of the category 'configurators'"),
        (f"{JAVA}&weight=-1", "its weight is '-1'"),
        (f"{JAVA}&weight=1e3", "its weight is '1e3'"),
        (f"{JAVA}&weight=\u0663", "its weight is"),
        (f"{JAVA}&weight=1000001", "not between 0 and 1000000"),
        (f"{JAVA}&timestamp={'9' * 400}", "its timestamp is"),
        (f"{JAVA}&group={'g' * 257}", "has 278 characters"),
        (f"{JAVA}&group=a\x1b[2J", "control a terminal"),
        (f"{JAVA}&x\u202e=1", "control a terminal"),
        (JAVA + "&a=1" * 1000, "more than 1000 parameters"),
        (f"{JAVA}&x={'x' * 65536}", "more than 65536"),
    ],
)
def test_what_cannot_be_called_is_refused(url, why):
    """
    The error says what was expected; it is short, however long the URL is.
    """
    with pytest.raises(ValueError, match=why) as raised:
        read(url)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("name", ["%FF%FE", "dubbo%3A%2F%2Fa%3A1%2Fx%3Fa%3D%25FF", "%", "%zz"])
def test_broken_percent_encoding(name):
    """
    It is refused as other mistakes are.
    """
    with pytest.raises(ValueError):  # noqa: PT011 - any text will do
        instance_of(DubboURL.parse(name), "x")


@given(st.text(max_size=300))
def test_any_name(name):
    """
    Whatever stands in the registry is an instance, or one kind of error.
    """
    try:
        found = instance_of(DubboURL.parse(f"dubbo%3A%2F%2Fa%3A1%2Fx%3F{name}"), "x")
    except ValueError:
        return
    assert found is None or found.service == "x"


def test_more_parameters_than_tags():
    """
    Of very many parameters some become tags, and the provider is used.
    """
    found = read(JAVA + "".join(f"&m{number}.timeout=1" for number in range(500)))
    assert 100 == len(found.tags)


plain = st.text(
    st.characters(categories=["L", "N"], include_characters=" %&=?#+/;:_-."), max_size=20
)


@given(
    service=plain.filter(str.strip),
    group=plain,
    version=plain.filter(lambda text: text != "0.0.0"),
    zone=plain,
    weight=st.integers(0, 1_000_000),
    tags=st.dictionaries(plain, plain, max_size=5),
    millis=st.integers(0, 4_000_000_000_000),
)
def test_instances_come_back_whole(service, group, version, zone, weight, tags, millis):
    """
    Our consumers get what our providers announce, whatever characters Dubbo would break at.
    """
    instance = Instance(
        service,
        "a:1-ff",
        Address("tcp", "::1", 2200),
        ("native", "dubbo"),
        weight,
        group,
        version,
        zone,
        millis / 1000,
        tags,
    )
    name = provider_url(instance, "shop").node_name
    assert "/" not in name
    assert instance == instance_of(DubboURL.parse(name), service)


@pytest.mark.parametrize("tag", ["version", "rpcfw.id", "weight", "rpcfw.tag.x", "disabled", ""])
def test_tags_cannot_change_facts(tag):
    """
    A tag with the name of a parameter of Dubbo stays a tag.
    """
    instance = an_instance(tags={tag: "x"})
    url = provider_url(instance, "shop")
    assert instance == instance_of(url, instance.service)
    assert "version=1.2&" in url_of(instance)


@pytest.mark.parametrize(
    ("protocols", "schemes"),
    [
        (("native", "grpc", "dubbo"), ("dubbo",)),
        (("native", "tri", "grpc", "dubbo"), ("dubbo", "tri")),
        (("tri",), ("tri",)),
        (("native", "grpc"), ("tri",)),
        (("native",), ("native",)),
        ((), ("dubbo",)),
    ],
)
def test_the_schemes(protocols, schemes):
    """
    Consumers of Dubbo see the protocols that they know, each in a URL; all are one instance.
    """
    instance = an_instance(protocols=protocols)
    assert schemes_of(instance) == schemes
    urls = [provider_url(instance, "shop", scheme) for scheme in schemes]
    assert [url.scheme for url in urls] == list(schemes)
    assert provider_url(instance, "shop").scheme == schemes[0]
    found = [instance_of(url, instance.service) for url in urls if protocols]
    assert found == [instance for url in urls if protocols]


def test_what_java_needs():
    """
    Methods have their names in Java, and the serialization is the one that we speak.
    """
    url = url_of(an_instance(methods=("say(int)", "say", "add")))
    assert "&methods=add,say&" in url
    assert "&prefer.serialization=hessian2&" in url
    assert "&serialization=hessian2&" in url
    assert "&application=shop&" in url
    assert "methods=*&" in url_of(an_instance())
