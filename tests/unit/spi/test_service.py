"""
Services as users define them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from functools import cached_property, partialmethod
from typing import Annotated

import msgspec
import pytest
from twisted.internet.defer import Deferred

from rpcfw.errors import ContractError, Unimplemented
from rpcfw.spi.service import Service, blocking, method
from rpcfw.spi.service_class import offered, service_class
from rpcfw.values.method import Method, Shape


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Greeter(Service, name="demo.Greeter"):
    """
    All shapes, and all ways to answer.
    """

    @method(idempotent=True, timeout="500ms")
    async def greet(self, name: str, times: int = 1) -> str:
        return f"hello {name}" * times

    @method
    def now(self) -> int:
        return 5

    @method
    def later(self, point: Point) -> Deferred[Point]:
        return Deferred()

    @method(name="Count")
    async def count(self, up_to: int) -> AsyncIterator[int]:
        yield up_to

    @method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        return 0

    @method
    async def echo(self, points: AsyncIterable[Point]) -> AsyncGenerator[Point, None]:
        yield Point(1)

    @method(one_way=True)
    def note(self, text: Annotated[str, msgspec.Meta(max_length=5)]) -> None:
        pass

    @method
    @blocking
    def slow(self) -> None:
        pass

    def private(self) -> None:
        pass


def by_name(cls) -> dict:
    return {one.method.name: one for one in offered(cls)}


def test_only_what_is_marked():
    """
    What is not marked cannot be called; the rest is sorted by its name on the wire.
    """
    assert ["Count", "echo", "greet", "later", "note", "now", "slow", "total"] == [
        one.method.name for one in offered(Greeter)
    ]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("greet", Shape.UNARY),
        ("now", Shape.UNARY),
        ("later", Shape.UNARY),
        ("Count", Shape.SERVER_STREAM),
        ("total", Shape.CLIENT_STREAM),
        ("echo", Shape.BIDI_STREAM),
    ],
)
def test_shapes_are_read_off_annotations(name, shape):
    """
    Who streams stands in the annotations.
    """
    assert by_name(Greeter)[name].method.shape is shape


@pytest.mark.parametrize(
    ("name", "response"),
    [("greet", str), ("now", int), ("later", Point), ("Count", int), ("echo", Point)],
)
def test_what_comes_back(name, response):
    """
    The type of a response is that of one message, whatever it comes in.
    """
    assert by_name(Greeter)[name].method.response_type is response


def test_arguments_become_a_request():
    """
    Arguments travel as one request, with their defaults and their types.
    """
    one = by_name(Greeter)["greet"]
    decoder = msgspec.json.Decoder(one.method.request_type)

    assert ("name", "times") == one.parameters
    assert ("bob", 1) == msgspec.structs.astuple(decoder.decode(b'{"name":"bob"}'))
    with pytest.raises(msgspec.ValidationError, match="times"):
        decoder.decode(b'{"name":"bob","times":"many"}')
    with pytest.raises(msgspec.ValidationError, match="missing required field `name`"):
        decoder.decode(b'{"nam":"bob"}')
    with pytest.raises(msgspec.ValidationError, match="length"):
        msgspec.json.decode(
            b'{"text":"too long"}', type=by_name(Greeter)["note"].method.request_type
        )


def test_a_stream_is_its_own_request():
    """
    Where the client streams, a message is a request, and no arguments are spread.
    """
    total, echo = by_name(Greeter)["total"], by_name(Greeter)["echo"]

    assert (int, None) == (total.method.request_type, total.parameters)
    assert (Point, None) == (echo.method.request_type, echo.parameters)


def test_what_else_is_said():
    """
    Idempotent, time limit, one-way and blocking are what the marks say.
    """
    named = by_name(Greeter)

    assert (True, 0.5) == (named["greet"].method.idempotent, named["greet"].method.timeout_s)
    assert (False, None) == (named["now"].method.idempotent, named["now"].method.timeout_s)
    assert ["note"] == [name for name, one in named.items() if one.method.one_way]
    assert ["slow"] == [name for name, one in named.items() if one.blocking]
    assert {"json"} == {one.method.codec for one in named.values()}
    assert named["greet"].method.path == "demo.Greeter/greet"


def test_mutable_defaults_are_not_shared():
    """
    A default that can change is made anew for each request.
    """

    class Lists(Service, name="demo.Lists"):
        @method
        def add(self, to: list[int] = [], more: dict[str, int] = {"a": 1}) -> int:  # noqa: B006
            return 0

    request_type = offered(Lists)[0].method.request_type
    request_type().to.append(5)

    assert [] == request_type().to
    assert {"a": 1} == request_type().more


def test_an_implementation_keeps_the_contract():
    """
    A subclass implements without marking again; wire and types are its base's.
    """

    class Polite(Greeter):
        def greet(self, name, times=1):
            return "good day"

    assert by_name(Greeter)["greet"].method.path == by_name(Polite)["greet"].method.path
    assert ("name", "times") == by_name(Polite)["greet"].parameters
    assert by_name(Polite)["greet"].method.idempotent


def test_an_implementation_says_how_it_runs():
    """
    Whether a method blocks is said where it is written, not in what it overrides.
    """

    class Other(Greeter):
        @blocking
        def greet(self, name, times=1):
            return "good day"

        async def slow(self):
            pass

    assert ["greet"] == [name for name, one in by_name(Other).items() if one.blocking]


def test_methods_are_made_once():
    """
    A service class offers the same methods each time; a subclass has its own.
    """

    class Polite(Greeter):
        pass

    assert offered(Greeter) is offered(Greeter)
    assert offered(Polite) is not offered(Greeter)


def refused(function, name: str = "demo.Wrong") -> str:
    """
    Return why a service with this method is refused.
    """
    cls = type("Wrong", (Service,), {"wrong": function}, name=name)
    with pytest.raises(ContractError) as caught:
        offered(cls)
    return str(caught.value)


class Unfit:
    """
    Methods that cannot be called as they are written, each with the reason told.
    """

    @method
    def bare(self, x) -> int:
        """'x' has no annotation."""

    @method
    def no_result(self, x: int):
        """the result has no annotation."""

    @method
    def stars(self, *x: int) -> int:
        """cannot be sent."""

    @method
    def named_only(self, *, x: int) -> int:
        """cannot be sent."""

    @method
    def reserved(self, timeout: int) -> int:
        """'timeout' belongs to the call."""

    @method
    def unknown(self, x: Nowhere) -> int:  # noqa: F821
        """Nowhere."""

    @method
    def unspecific(self, x: AsyncIterator) -> int:
        """AsyncIterator needs the type."""

    @method
    def unspecific_result(self) -> Deferred:
        """Deferred needs the type."""

    @method(one_way=True)
    def one_way_stream(self) -> AsyncIterator[int]:
        """only a unary method can be one-way."""

    @method(name="a/b")
    def slash(self) -> int:
        """'a/b' cannot be a method's name."""


@pytest.mark.parametrize(
    "function", [one for one in vars(Unfit).values() if callable(one)], ids=lambda one: one.__name__
)
def test_what_cannot_be_served(function):
    """
    A method that cannot be called as it is written is refused, by name and with the reason.
    """
    told = refused(function)

    assert told.startswith("Wrong.wrong: ")
    assert function.__doc__.rstrip(".") in told


def test_static_methods():
    """
    A method that has no service to belong to is refused, whichever mark stands above.
    """
    told = "cannot be called from outside; write a method of the instance, with self"

    assert f"a staticmethod {told}" in refused(method(staticmethod(lambda x: x)))
    assert f"a staticmethod {told}" in refused(staticmethod(method(lambda x: x)))
    assert f"a classmethod {told}" in refused(classmethod(method(lambda x: x)))


@pytest.mark.parametrize("hide", [property, cached_property, partialmethod])
def test_what_is_no_method(hide):
    """
    A mark that another decorator hides is found, and refused by name.
    """
    assert f"a {hide.__name__} cannot be called" in refused(hide(method(lambda self: 5)))


def test_a_marked_property():
    """
    A property cannot be marked; that is said where it is written.
    """
    with pytest.raises(ContractError, match="a property cannot be called from outside"):
        method(property(lambda self: 5))


def test_a_method_that_is_overridden_by_something_else():
    """
    What implements a method has to be one.
    """
    wrong = type("Wrong", (Greeter,), {"now": 5})

    with pytest.raises(ContractError, match=r"Wrong\.now: a int cannot be called"):
        offered(wrong)


def test_a_service_without_methods():
    """
    A class of which nothing could be called is refused, and told how to mark methods.
    """

    class Bare(Service, name="demo.Bare"):
        def forgotten(self) -> int:
            return 5

    with pytest.raises(ContractError, match=r"Bare: no method is marked.*@rpcfw\.method"):
        offered(Bare)


def test_parameters_that_cannot_be_sent():
    """
    A default that cannot be copied for each call is refused with its method.
    """

    def wrong(self, x: Point = bytearray(b"a")) -> int: ...  # noqa: B008

    assert refused(method(wrong)).startswith("Wrong.wrong: its parameters cannot be sent")


def test_one_name_for_two():
    """
    Two methods cannot share a name on the wire.
    """

    class Twins(Service, name="demo.Twins"):
        @method(name="go")
        def first(self) -> int: ...

        @method(name="go")
        def second(self) -> int: ...

    with pytest.raises(ContractError, match="first and second are both called go"):
        offered(Twins)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a\n"])
def test_names_that_are_none(name):
    """
    A service's name is one word without a slash.
    """
    with pytest.raises(ContractError, match="cannot be a service's name"):
        type("Wrong", (Service,), {}, name=name)


def test_a_service_without_a_name():
    """
    A service that was never given a name is told how to give it one.
    """

    class Nameless(Service):
        pass

    with pytest.raises(ContractError, match=r"class Nameless\(Service, name=...\)"):
        offered(Nameless)


def test_a_wrong_time_limit():
    """
    A time limit without its unit is refused where it is written.
    """
    with pytest.raises(ValueError, match="has no unit"):
        method(timeout="500")(lambda self: 5)


def test_a_class_from_methods():
    """
    A service known by its descriptors is a class like any other, to be implemented.
    """
    known = Method("demo.Made", "Go", Shape.UNARY, bytes, bytes, codec="raw", idempotent=True)
    made = service_class("demo.Made", {"go": known}, "What it is.")
    one = by_name(made)["Go"]

    assert ("Made", "demo.Made", "What it is.") == (
        made.__name__,
        made.service_name,
        made.__doc__,
    )
    assert ("raw", True, None) == (one.method.codec, one.method.idempotent, one.parameters)
    with pytest.raises(Unimplemented, match=r"demo\.Made/go"):
        made().go(b"")
