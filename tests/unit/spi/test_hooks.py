"""
Hooks of services, and the names that are theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks

from rpcfw.errors import ContractError
from rpcfw.spi.hooks import HOOKS, run_hook
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.spi.service import Service, blocking, method
from rpcfw.spi.service_class import offered, service_class
from rpcfw.values.method import Method, Shape


@pytest.mark.parametrize("name", [*HOOKS, "service_name"])
def test_a_method_cannot_have_a_hooks_name(name):
    """
    A class whose method would be run as a hook is refused when it is defined.
    """

    async def function(self) -> str:
        return "called"

    with pytest.raises(ContractError, match=rf"Wrong\.{name}"):
        type("Wrong", (Service,), {name: method(function)})


def test_a_mixins_method_cannot_have_a_hooks_name_either():
    """
    Whichever class of its bases the method stands in.
    """

    class Mixin:
        @method
        async def leaving(self) -> str:
            return "called"

    with pytest.raises(ContractError, match='write @method\\(name="leaving"\\) above'):

        class Wrong(Mixin, Service, name="demo.Wrong"):
            pass


def test_a_method_may_have_a_hooks_name_on_the_wire():
    """
    What the error says to write works.
    """

    class Parting(Service, name="demo.Parting"):
        @method(name="leaving")
        async def leaving_(self) -> str:
            return "called"

    assert ["demo.Parting/leaving"] == [one.method.path for one in offered(Parting)]


def test_made_classes_are_checked_too():
    """
    A class made from methods at run time is refused in the same way.
    """
    known = Method("demo.Made", "Leaving", Shape.UNARY, bytes, bytes, "raw")
    with pytest.raises(ContractError, match=r"Made\.leaving"):
        service_class("demo.Made", {"leaving": known})


async def takes_a_request(self, request):
    pass


async def yields(self) -> AsyncIterator[int]:
    yield 1


@blocking
def blocks(self):
    pass


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        (takes_a_request, "takes no argument except self; a method of a proto file with this name"),
        (yields, "must not yield"),
        (blocks, "cannot be @blocking"),
        (staticmethod(lambda: None), "not a staticmethod"),
        (False, "not a bool"),
    ],
)
def test_what_cannot_be_a_hook(hook, why):
    """
    What cannot be run as a hook is refused when the class is defined, not as a server stops.
    """
    with pytest.raises(ContractError, match=why):
        type("Wrong", (Service,), {"leaving": hook})


def test_a_hook_is_any_kind_of_function():
    """
    A hook may be a coroutine function, a plain one, or return a Deferred; others are its tools.
    """
    ran = []

    class Any(Service, name="demo.Any"):
        async def started(self):
            ran.append("coroutine")

        def ready(self):
            ran.append("also plain")

        def leaving(self, *arguments):
            ran.append("plain")

        @inlineCallbacks
        def stopped(self):
            yield deferred
            ran.append("Deferred")

    deferred: Deferred[None] = Deferred()
    service = Any()
    running = [spawn(run_hook(getattr(service, name))) for name in HOOKS]
    assert ["coroutine", "also plain", "plain"] == ran
    deferred.callback(None)
    assert ["coroutine", "also plain", "plain", "Deferred"] == ran
    assert [None] * 4 == [one.result for one in running]
