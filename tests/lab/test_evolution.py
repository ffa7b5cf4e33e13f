"""
Services that change while old and new programs run side by side.

Each test serves one version of a class and calls it by another.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import msgspec
import pytest

from rpcfw import CallError, Service, Status, method
from rpcfw.values.call_options import CallOptions
from rpcfw.values.metadata import STRICT
from rpcfw.values.method import Method, Shape


def version(say: Any) -> type[Service]:
    """
    Return a class of the same service whose only method is another.
    """
    say.__name__ = "say"
    return type("Shop", (Service,), {"say": method(say)}, name="demo.Shop")


def annotated(say: Any, **types: Any) -> Any:
    """
    Return a method with annotations that a test was given.
    """
    say.__annotations__.update(types)
    return say


def called(lab, server, client, *arguments):
    """
    Serve one version, call it by another, return the answer.
    """
    lab.serve(version(server)())
    return lab.run(lab.client(version(client)).say(*arguments))


def refused(lab, server, client, *arguments) -> CallError:
    with pytest.raises(CallError) as caught:
        called(lab, server, client, *arguments)
    return caught.value


@dataclass
class Order:
    id: int


@dataclass
class RicherOrder:
    id: int
    note: str = "none"
    tags: list[str] = field(default_factory=list)


@dataclass
class StricterOrder:
    id: int
    note: str


class Colour(enum.Enum):
    RED = "red"


class Colours(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Card(msgspec.Struct, tag=True):
    number: str


class Cash(msgspec.Struct, tag=True):
    pass


class Options(TypedDict):
    depth: int


class MoreOptions(Options, total=False):
    width: int


async def takes_name(self, name: str) -> str:
    return name


async def takes_more(self, name: str, times: int = 2) -> str:
    return name * times


async def takes_another(self, name: str, times: int) -> str:
    return name * times


class TestParameters:
    def test_one_with_a_default_that_the_client_has_first(self, lab):
        """
        A server ignores a parameter that it does not know.
        """
        assert "a" == called(lab, takes_name, takes_more, "a", 3)

    def test_one_with_a_default_that_the_server_has_first(self, lab):
        """
        A server takes the default of a parameter that its client does not know.
        """
        assert "aa" == called(lab, takes_more, takes_name, "a")

    def test_one_without_a_default_that_the_server_has_first(self, lab):
        """
        A missing parameter without default is refused by its name.
        """
        error = refused(lab, takes_another, takes_name, "a")

        assert Status.INVALID_ARGUMENT is error.status
        assert "missing required field `times`" in error.message

    def test_one_that_the_server_dropped(self, lab):
        """
        A parameter is dropped at the server first, which then ignores it.
        """
        assert "a" == called(lab, takes_name, takes_another, "a", 3)

    def test_the_default_of_the_caller_counts(self, lab):
        """
        A client sends its own default, so that a server with another does as the client says.
        """

        async def takes_five(self, name: str, times: int = 5) -> str: ...

        assert "aaaaa" == called(lab, takes_more, takes_five, "a")

    def test_another_order(self, lab):
        """
        Parameters travel by name: their order may change.
        """

        async def turned(self, times: int, name: str) -> str: ...

        assert "aaa" == called(lab, takes_another, turned, 3, "a")

    def test_one_that_was_renamed(self, lab):
        """
        To rename is to drop one and to add another: the new name is missing.
        """

        async def renamed(self, title: str) -> str: ...

        assert "`name`" in refused(lab, takes_name, renamed, "a").message


class TestFields:
    @pytest.mark.parametrize(
        ("sent", "read"), [(Order, RicherOrder), (RicherOrder, Order), (StricterOrder, Order)]
    )
    def test_fields_of_a_request(self, lab, sent, read):
        """
        A field with a default is added on any side first; one is dropped by its reader first.
        """

        async def server(self, order) -> int:
            assert type(order) is read
            return order.id

        async def client(self, order) -> int: ...

        order = sent(7, "x") if sent is StricterOrder else sent(7)
        server, client = annotated(server, order=read), annotated(client, order=sent)
        assert 7 == called(lab, server, client, order)

    def test_fields_of_an_answer(self, lab):
        """
        A client ignores fields that it does not know, and takes defaults of those that miss.
        """

        async def richer(self) -> RicherOrder:
            return RicherOrder(7, "x", ["y"])

        async def poorer(self) -> Order:
            return Order(7)

        async def reads_order(self) -> Order: ...

        async def reads_richer(self) -> RicherOrder: ...

        assert Order(7) == called(lab, richer, reads_order)
        with type(lab)() as another:
            assert RicherOrder(7) == called(another, poorer, reads_richer)

    def test_a_field_without_default_that_the_reader_has_first(self, lab):
        """
        A missing field without default is refused by its name and its place.
        """

        async def server(self, orders: list[StricterOrder]) -> int: ...

        async def client(self, orders: list[Order]) -> int: ...

        error = refused(lab, server, client, [Order(7)])

        assert Status.INVALID_ARGUMENT is error.status
        assert "missing required field `note` - at `$.orders[0]`" in error.message

    def test_keys_of_a_typed_dict(self, lab):
        """
        A key that the reader does not know is ignored.
        """

        async def server(self, options: Options) -> Options:
            return options

        async def client(self, options: MoreOptions) -> MoreOptions: ...

        assert {"depth": 1} == called(lab, server, client, {"depth": 1, "width": 2})

    def test_messages_of_a_stream(self, lab):
        """
        The same holds for each message of a stream.
        """

        async def server(self, orders: AsyncIterator[Order]) -> AsyncIterator[RicherOrder]:
            async for order in orders:
                yield RicherOrder(order.id)

        async def client(self, orders: AsyncIterator[RicherOrder]) -> AsyncIterator[Order]:
            yield Order(1)

        lab.serve(version(server)())
        stream = lab.client(version(client)).say([RicherOrder(1), RicherOrder(2)])

        async def read():
            return [order async for order in stream]

        assert [Order(1), Order(2)] == lab.run(read())


class TestTypes:
    """
    What a reader does not know, it refuses: readers learn first.
    """

    @pytest.mark.parametrize(
        ("narrow", "wide", "value"),
        [
            (int, int | str, 5),
            (int, float, 5),
            (int, int | None, 5),
            (Colour, Colours, None),
            (Literal["a"], Literal["a", "b"], "a"),
            (list[int], list[int | None], [5]),
        ],
    )
    def test_a_reader_that_learnt_first(self, lab, narrow, wide, value):
        """
        A type is made wider at its reader first.
        """

        async def server(self, value) -> bool:
            return value == (wide.RED if wide is Colours else sent)

        async def client(self, value) -> bool: ...

        sent = Colour.RED if narrow is Colour else value
        server, client = annotated(server, value=wide), annotated(client, value=narrow)
        assert called(lab, server, client, sent)

    @pytest.mark.parametrize(
        ("narrow", "wide", "sent", "reason"),
        [
            (int, int | str, "x", r"Expected `int`, got `str` - at `\$.value`"),
            (int, int | None, None, r"Expected `int`, got `null` - at `\$.value`"),
            (Colour, Colours, Colours.BLUE, r"Invalid enum value 'blue' - at `\$.value`"),
            (Literal["a"], Literal["a", "b"], "b", r"Invalid enum value 'b' - at `\$.value`"),
            (Card, Card | Cash, Cash(), r"Invalid value 'Cash' - at `\$.value.type`"),
        ],
    )
    def test_a_writer_that_learnt_first(self, lab, narrow, wide, sent, reason):
        """
        A value that its reader does not know is refused, with the parameter's name.
        """

        async def server(self, value) -> None: ...

        async def client(self, value) -> None: ...

        server, client = annotated(server, value=narrow), annotated(client, value=wide)
        error = refused(lab, server, client, sent)

        assert Status.INVALID_ARGUMENT is error.status
        with pytest.raises(CallError, match=reason):
            raise error

    def test_an_answer_that_its_client_does_not_know(self, lab):
        """
        A client that cannot read an answer says so; it does not guess.
        """

        async def server(self) -> Colours:
            return Colours.BLUE

        async def client(self) -> Colour: ...

        error = refused(lab, server, client)

        assert "the response cannot be read: Invalid enum value 'blue'" in error.message


class TestStrictCalls:
    def call(self, lab, request, **metadata):
        lab.serve(version(takes_more)())
        channel = lab.consumer().application.channel("demo.Shop")
        say = Method("demo.Shop", "say", Shape.UNARY, Any, Any, "json")
        return lab.run(channel.call(say, request, CallOptions(metadata=metadata)))

    def test_a_misspelt_parameter(self, lab):
        """
        A caller without a class can have unknown parameters refused, as `rpcfw call` does.
        """
        with pytest.raises(CallError, match=r"say has no parameter 'time'; it has: name, times"):
            self.call(lab, {"name": "a", "time": 3}, **{STRICT: "1"})

    def test_what_is_right(self, lab):
        """
        A strict call whose parameters are known is like any other.
        """
        assert "aa" == self.call(lab, {"name": "a"}, **{STRICT: "1"})

    def test_others_are_not_strict(self, lab):
        """
        Metadata alone makes no call strict.
        """
        assert "aa" == self.call(lab, {"name": "a", "time": 3}, other="1")

    def test_the_refusal_is_short(self, lab):
        """
        A request of many unknown parameters is answered by the names of five.
        """
        many = {f"p{number}": number for number in range(1000)}
        with pytest.raises(CallError) as caught:
            self.call(lab, {"name": "a", **many}, **{STRICT: "1"})

        assert 5 == caught.value.message.count("'p")
        assert Status.INVALID_ARGUMENT is caught.value.status
