"""
Hessian 2 as users meet it: a codec, by name in the INI.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest

from rpcfw.errors import CallError, ContractError, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.codec import READ_AT_ONCE
from rpcfw.spi.service import Service, method
from rpcfw.status import Status
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.lab import Lab
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_hessian import HessianError, JavaObject, Long, dumps, java, java_type
from rpcfw_hessian.codec import Hessian2Codec


@java("com.acme.Color")
class Color(Enum):
    RED = "r"


@java("com.acme.Order")
@dataclass
class Order:
    order_id: Long
    price: Decimal
    tags: Annotated[set[str], java_type("java.util.TreeSet")]
    color: Color | None = None


class Person(msgspec.Struct):
    """
    Has its Java class from the INI.
    """

    name: str


class Foreign:
    """
    A class of no kind that Hessian could carry.
    """


def codec(**given: str) -> Hessian2Codec:
    return Hessian2Codec(options_of(Hessian2Codec.Options, **given), plugin_context())


class TestHessian2Contract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        return [
            (int, 2**63 - 1),
            (int, 2**200),
            (str, "grüße \U0001f600"),
            (bytes, b"\x00\xff"),
            (type(None), None),
            (dict[str, list[float]], {"a": [0.5, -1.0]}),
            (Order, Order(7, Decimal("1.50"), {"new"}, Color.RED)),
            (list[Order], [Order(7, Decimal("1.50"), set())]),
            (Person, Person("Bob")),
            (UUID, UUID(int=1)),
            (Any, {"a": [1, "x", None, True]}),
        ]

    def unfit(self):
        return [Foreign, complex, list[Foreign]]


PERSON = "com.acme.Person = tests.plugins.hessian.test_codec:Person"


def test_classes_of_the_ini():
    """
    The INI may give a Java class to a Python class, which is then made wherever it comes.
    """
    data = dumps([JavaObject("com.acme.Person", {"name": "Bob"})])

    assert [Person("Bob")] == codec(classes=PERSON).coder(Any).decode(data)
    assert data == codec(classes=PERSON).coder(list[Person]).encode([Person("Bob")])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classes": "com.acme.Person"}, "names no class: expected com.acme.Order = shop"),
        ({"classes": "a.B = no_such_module:B"}, "names no class: No module named 'no_such_module'"),
        ({"classes": "a.B = decimal:no_such"}, "names no class: module 'decimal' has no"),
        ({"classes": "a.B = decimal:getcontext"}, "getcontext is no class"),
        ({"max_depth": "0"}, "must be at least 1, not 0"),
    ],
)
def test_mistakes_in_the_ini(given, message):
    """
    A class that is not there, or a limit that lets nothing through, is found at the start.
    """
    with pytest.raises(SettingsError) as caught:
        codec(**given)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "data"),
    [
        ({"max_depth": "2"}, dumps([[[]]])),
        ({"max_objects": "2"}, dumps([[], []])),
        ({"max_length": "100"}, dumps("a" * 101)),
        ({"max_hashed_keys": "3"}, dumps(dict.fromkeys(range(9)))),
        ({"allowed_classes": "com.acme.*"}, dumps(JavaObject("org.evil.Bean"))),
    ],
)
def test_limits_of_the_ini(given, data):
    """
    Each limit of the INI holds.
    """
    codec().coder(Any).decode(data)
    with pytest.raises(HessianError):
        codec(**given).coder(Any).decode(data)


def test_large_bodies_are_decoded_in_a_thread():
    """
    The decoder is Python code, so a large body does not hold up the reactor.
    """
    assert codec().coder(Any).at_once_bytes < READ_AT_ONCE


def test_two_python_classes_of_one_java_class():
    """
    Two services may each have a Python class for the same Java class.
    """

    @java("com.acme.Order")
    @dataclass
    class Other:
        order_id: int

    codec_ = codec()
    both = codec_.coder(Order), codec_.coder(Other)
    data = both[0].encode(Order(7, Decimal(1), set()))

    assert Order(7, Decimal(1), set()) == both[0].decode(data)
    assert 7 == both[1].decode(data).order_id


def test_one_type_with_two_classes_of_one_name():
    """
    One type may not have two Python classes for the same Java class.
    """

    @java("com.acme.Order")
    @dataclass
    class Other:
        order: Order

    with pytest.raises(ContractError, match=r"are both the Java class com\.acme\.Order"):
        codec().coder(Other)


class Echo(Service, name="demo.Echo"):
    """
    Answers what it is sent, whatever that is.
    """

    @method(codec="hessian2")
    async def echo(self, value: Any) -> Any:
        return value


def nested(depth: int) -> Any:
    """
    Return lists inside each other.
    """
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    # gRPC says INTERNAL of a message that cannot be parsed.
    ("wire", "status"),
    [("native", Status.INVALID_ARGUMENT), ("grpc", Status.INTERNAL)],
)
def test_a_hostile_caller_fails_alone(wire, status):
    """
    A request above a limit fails with the reason, and the next one is served.
    """
    hessian = ["app.codecs=json, hessian2"]
    wires = [f"server.protocols={wire}", f"client.protocols={wire}"]
    limits = ["max_depth=20", "max_objects=300", "allowed_classes=com.acme.*"]
    with Lab(sets=wires) as lab:
        lab.serve(Echo(), sets=[*hessian, *(f"codec hessian2.{each}" for each in limits)])
        client = lab.consumer(*hessian).application.client(Echo)

        for value, reason in (
            (nested(90), "at most 20 values inside each other"),
            ([[each] for each in range(400)], "at most 300 lists, maps and objects"),
            (JavaObject("org.evil.Bean"), "'org.evil.Bean' is not among those that may come"),
            ({each * (2**61 - 1): 0 for each in range(80)}, "too many of the same"),
        ):
            with pytest.raises(CallError, match=reason) as caught:
                lab.run(client.echo(value))
            assert status is caught.value.status
            assert [1, "a"] == lab.run(client.echo([1, "a"]))


class Orders(Service, name="demo.Orders"):
    """
    A plain Python service that sends Hessian.
    """

    @method(codec="hessian2")
    async def cheapest(self, orders: list[Order], most: Decimal = Decimal(10)) -> Order | None:
        fitting = [order for order in orders if order.price <= most]
        return min(fitting, key=lambda order: order.price) if fitting else None


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_a_service_over_each_wire(wire):
    """
    A service that sends Hessian is called over every wire; an argument that misfits is named.
    """
    orders = [Order(1, Decimal("9.5"), {"a"}, Color.RED), Order(2, Decimal(3), set())]
    sets = [
        "app.codecs=json, hessian2",
        f"server.protocols={wire}",
        f"client.protocols={wire}",
    ]
    with Lab(sets=sets) as lab:
        lab.serve(Orders())
        client = lab.client(Orders)

        assert orders[1] == lab.run(client.cheapest(orders))
        assert lab.run(client.cheapest(orders, Decimal(1))) is None
        with pytest.raises(CallError, match=r"orders\[0\].order_id: expected int, got str"):
            lab.run(client.cheapest([Order("x", Decimal(1), set())]))
