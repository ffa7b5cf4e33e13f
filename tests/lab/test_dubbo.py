"""
Services over the protocol dubbo: two applications of ours, and what each learns of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from rpcfw.errors import ApplicationError, CallError, DeadlineExceeded, Unimplemented
from rpcfw.spi.call_details import call_details
from rpcfw.spi.service import Service, method
from rpcfw.status import Hint, Status
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.exceptions import java_exception
from rpcfw_hessian import HessianError, JavaException, java
from tests.lab.dubbo_shop import Line, Node, OutOfStock, Shop

SERVER = ("app.protocols=native, dubbo", "server.protocols=native, dubbo")
CLIENT = ("client.protocols=dubbo", "app.name=consumer")


@pytest.fixture
def shop(lab):
    """
    A client of the shop.
    """
    lab.serve(Shop(lab.clock), sets=SERVER)
    return lab.consumer(*CLIENT).application.client(Shop)


def error_of(lab, call):
    """
    Return how a call fails.
    """
    with pytest.raises(CallError) as raised:
        lab.run(call)
    return raised.value


def test_plain_calls(lab, shop):
    """
    Arguments and results arrive with their types, whatever codec the methods have in Python.
    """
    lines = [Line("a", 2, Decimal("1.50")), Line("b")]

    assert lab.run(shop.say("bob")) == "hi bob"
    assert lab.run(shop.price(lines)) == Decimal("3.00")
    assert lab.run(shop.price(lines, 0.5)) == Decimal("2.50")
    assert lab.run(shop.price([])) is None
    assert lab.run(shop.block()) == "unblocked"


def test_overloaded_methods(lab, shop):
    """
    Methods of one name are told apart by the Java types of their parameters.
    """
    assert lab.run(shop.say("bob")) == "hi bob"
    assert lab.run(shop.say_number(7)) == "number 7"
    assert lab.run(shop.say_often("ab", 3)) == "ababab"


def test_cycles(lab, shop):
    """
    An object that refers to itself comes back as one.
    """
    node = Node("first")
    node.others = [node, Node("second", [node])]
    back = lab.run(shop.loop(node))

    assert back.others[0] is back
    assert back.others[1].others[0] is back


def test_metadata_both_ways(lab, shop):
    """
    Metadata arrives as it was sent, the caller's name with it. Dubbo's own attachments do not.
    """
    pairs = (("one", "1"), ("two-bin", b"\x00"), ("one", "again"))
    with call_details() as details:
        said = lab.run(shop.who(metadata=pairs))

    assert said == f"consumer {sorted(pairs)}"
    assert dict(details.metadata)["served-by"] == "python"
    assert dict(details.trailers)["cost"] == "3"


def test_a_declared_exception(lab, shop):
    """
    An exception with a Java class arrives with class, text and fields, and is no error in the log.
    """
    error = error_of(lab, shop.take("sku-1"))
    thrown = java_exception(error, OutOfStock)

    assert Status.UNKNOWN is error.status
    assert error.message == "no more of it"
    assert isinstance(thrown, OutOfStock)
    assert (str(thrown), thrown.sku) == ("no more of it", "sku-1")
    unknown = java_exception(error)
    assert isinstance(unknown, JavaException)
    assert (unknown.java_class, unknown.message) == ("com.acme.OutOfStock", "no more of it")
    assert unknown.fields == {"sku": "sku-1"}


@pytest.mark.parametrize(("method", "failures"), [("take", 0), ("crash", 1)])
def test_what_is_held_against_a_node(lab, method, failures):
    """
    An exception that is declared is an answer of the method; another one is a failure of its node.
    """
    lab.serve(Shop(lab.clock), sets=SERVER)
    consumer = lab.consumer(*CLIENT)
    shop = consumer.application.client(Shop)
    error_of(lab, shop.take("sku-1") if method == "take" else shop.crash())
    lab.errors.flush(ValueError)

    ((node,),) = [one.nodes for one in consumer.application.clients]
    assert failures == node.failures


def test_an_error_without_an_exception():
    """
    Other errors, and details that are something else, have no Java exception.
    """
    for details in (b"", b"Cart", b"\x08\x05", b"C\x01c\x90\x60", b"\x01x"):
        assert java_exception(ApplicationError(Status.ABORTED, "why", details=details)) is None


def test_another_exception(lab, shop):
    """
    Of an exception that is not declared, the caller learns the class and where it is logged.
    """
    error = error_of(lab, shop.crash())
    assert len(lab.errors.flush(ValueError)) == 1

    assert Status.UNKNOWN is error.status
    assert "ValueError" in error.message
    assert "secret" not in str(error)


def test_an_exception_that_cannot_be_written(lab, shop):
    """
    The caller gets an answer all the same, and both errors are in the log.
    """
    error = error_of(lab, shop.drop())
    assert "OutOfStock in com.acme.Shop/drop" in error.message

    assert len(lab.errors.flush(OutOfStock)) == 1
    assert len(lab.errors.flush(HessianError)) == 1


def test_statuses(lab, shop):
    """
    Between two of ours, a status arrives with all that it has.
    """
    error = error_of(lab, shop.refuse())
    assert (Status.NOT_FOUND, "no such order") == (error.status, error.message)
    assert (Hint.FINAL, b"\x08\x05") == (error.hints, error.details)

    error = error_of(lab, shop.busy())
    assert Status.RESOURCE_EXHAUSTED is error.status
    assert error.retry_after_s == 1.5


def test_the_deadline_is_sent(lab, shop):
    """
    The server ends a call when its caller has stopped to wait.
    """
    error = error_of(lab, shop.wait(10.0, timeout=0.5))

    assert isinstance(error, DeadlineExceeded)


def test_one_way(lab):
    """
    A one-way call is served, and nothing is sent back.
    """
    shop = Shop()
    lab.serve(shop, sets=SERVER)
    client = lab.consumer(*CLIENT).application.client(Shop)
    lab.run(client.note("hello"))
    lab.run(client.say("bob"))

    assert shop.seen == ["hello"]


def untyped(name: str) -> Method:
    """
    Return a method of whose types nothing is known, as of ``rpcfw call``.
    """
    return Method("com.acme.Shop", name, Shape.UNARY, Any, Any, "json")


@pytest.fixture
def channel(lab):
    """
    A channel to the shop.
    """
    lab.serve(Shop(lab.clock), sets=SERVER)
    return lab.consumer(*CLIENT).application.channel("com.acme.Shop")


def test_generic_calls(lab, channel):
    """
    A method can be called by its name, or by name and Java types; POJOs may be plain maps.
    """
    line = {"class": "com.acme.Line", "sku": "a", "count": 3, "price": Decimal(2)}

    assert lab.run(channel.call(untyped("say"), ["bob"])) == "hi bob"
    assert lab.run(channel.call(untyped("say(int)"), [7])) == "number 7"
    assert lab.run(channel.call(untyped("price"), [[line], 0.0])) == Decimal(6)


def test_generic_calls_that_fail(lab, channel):
    """
    The error says what the method takes, or that there is none.
    """
    cases = (
        ("say", ["bob", 1, 2], Status.INVALID_ARGUMENT, "a list of another size"),
        ("say(int)", ["bob"], Status.INVALID_ARGUMENT, "expected int, got str"),
        ("say", {"name": "bob"}, Status.INTERNAL, 'as ["bob"]'),
        ("fly", [], Status.UNIMPLEMENTED, "has no method 'fly'"),
        ("fly(int)", [1], Status.UNIMPLEMENTED, "has no method 'fly'"),
    )
    for name, arguments, status, text in cases:
        error = error_of(lab, channel.call(untyped(name), arguments))
        assert status is error.status
        assert text in error.message


def test_echo(lab, channel):
    """
    ``$echo`` is answered for each service that is there, with what it was sent.
    """
    echo = untyped("$echo(java.lang.Object)")
    for sent in ("ping", None, [1, "two"], {"a": 1.5}):
        assert sent == lab.run(channel.call(echo, [sent]))


def test_echo_behind_an_admission(lab):
    """
    An admission that refuses calls refuses ``$echo``, and admits it when it admits calls.
    """
    gate = (
        "plugins.filters.gate=tests.lab.test_undecoded:Gate",
        "server.insert=gate after METRICS",
    )
    lab.serve(Shop(), sets=(*SERVER, *gate))
    channel = lab.consumer(*CLIENT).application.channel("com.acme.Shop")

    assert lab.run(channel.call(untyped("$echo(java.lang.Object)"), ["ping"])) == "ping"


@pytest.mark.parametrize(
    ("served", "called", "fits"),
    [
        (("", ""), ("", ""), True),
        (("", "1.0.0"), ("", "1.0.0"), True),
        (("blue", "1.0.0"), ("blue", "1.0.0"), True),
        (("", "1.0.0"), ("", ""), False),
        (("", ""), ("", "1.0.0"), False),
        (("", "1.0.0"), ("", "2.0.0"), False),
        (("blue", "1.0.0"), ("", "1.0.0"), False),
        (("", "1.0.0"), ("blue", "1.0.0"), False),
    ],
)
def test_group_and_version(lab, served, called, fits):
    """
    A service is found by name, version and group. All three must be equal.
    """
    options = ("server.group=" + served[0], "server.version=" + served[1])
    lab.serve(Shop(), sets=(*SERVER, *options))
    asked = (f"protocol dubbo.group={called[0]}", f"protocol dubbo.version={called[1]}")
    by_options = lab.consumer(*CLIENT, *asked).application.client(Shop)
    by_metadata = lab.consumer(*CLIENT).application.client(Shop)
    pairs = tuple(zip(("group", "version"), called, strict=True))

    for call in (by_options.say("bob"), by_metadata.say("bob", metadata=pairs)):
        if fits:
            assert lab.run(call) == "hi bob"
        else:
            error = error_of(lab, call)
            assert isinstance(error, Unimplemented)
            assert error.hints & Hint.NOT_BEGUN
            assert "must be equal" in error.message


class Chosen(Service, name="com.acme.Chosen"):
    """
    Its methods name their codecs.
    """

    @method(codec=("json", "hessian2"))
    async def both(self) -> str:
        return "both"

    @method(codec=("json",))
    async def one(self) -> str:
        return "one"


def test_methods_that_name_their_codecs(lab):
    """
    A method is served over Dubbo if hessian2 is among its codecs, or if it names none.
    """
    lab.serve(Chosen(), sets=(*SERVER, "app.codecs=json, hessian2"))
    chosen = lab.consumer(*CLIENT).application.client(Chosen)
    assert lab.run(chosen.both()) == "both"

    error = error_of(lab, chosen.one())
    assert Status.UNIMPLEMENTED is error.status
    assert "it is in: json" in error.message


class Streams(Service, name="com.acme.Shop"):
    """
    What Dubbo cannot carry.
    """

    @method(name="say")
    async def say(self, name: complex) -> str: ...


def test_what_cannot_be_carried(lab):
    """
    A type without a Java class is refused before anything is sent, with its name.
    """
    lab.serve(Shop(), sets=SERVER)
    client = lab.consumer(*CLIENT).application.client(Streams)
    error = error_of(lab, client.say(1j))

    assert Status.UNIMPLEMENTED is error.status
    assert "complex" in error.message


@java("com.acme.Line")
@dataclass
class OtherLine:
    """
    Another Python class for a Java class that the shop has too.
    """

    sku: str
    note: str | None = None


class Depot(Service, name="com.acme.Depot"):
    """
    A service with classes of its own.
    """

    @method
    async def keep(self, line: OtherLine) -> OtherLine:
        assert isinstance(line, OtherLine)
        return OtherLine(line.sku, "kept")


def test_two_classes_for_one_of_java(lab):
    """
    Two services of one server may have different Python classes for a Java class.
    """
    lab.serve(Shop(), Depot(), sets=SERVER)
    application = lab.consumer(*CLIENT).application
    shop, depot = application.client(Shop), application.client(Depot)

    for _ in range(2):
        assert lab.run(shop.price([Line("a", 2, Decimal(1))])) == Decimal(2)
        assert lab.run(depot.keep(OtherLine("a"))) == OtherLine("a", "kept")
