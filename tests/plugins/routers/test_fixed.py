"""
Calls to one address.
"""

from __future__ import annotations

import pytest

from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw_routers.fixed import FixedRouter

GIVEN = [
    candidate("a", address=Address.parse("tcp:10.0.0.7:2210")),
    candidate("b", address=Address.parse("tcp:10.0.0.8:2210")),
]


def router(**options: str) -> FixedRouter:
    return FixedRouter(options_of(FixedRouter.Options, **options), plugin_context())


def left(metadata=None, **options: str) -> list[str]:
    """
    Return the ids of those that are left for a call with this metadata.
    """
    found = router(**options).narrow(a_call(metadata=metadata), GIVEN)
    return [one.instance.id for one in found]


def routed(wanted, **options: str) -> list[str]:
    return left({"rpcfw-address": wanted}, **options)


class TestFixedContract(RouterContract):
    def make(self):
        return router()


class TestLooseFixedContract(RouterContract):
    def make(self):
        return router(metadata="tag", force="no")


@pytest.mark.parametrize("address", ["tcp:10.0.0.8:2210", "10.0.0.8:2210", "b"])
def test_the_address_of_a_call(address):
    """
    A call with an address or an id goes to that instance.
    """
    assert ["b"] == routed(address)


def test_no_address():
    """
    A call without an address goes anywhere, or to the address of the INI.
    """
    assert ["a", "b"] == left()
    assert ["a", "b"] == routed("")
    assert ["b"] == left(address="10.0.0.8:2210")


def test_nobody_at_the_address():
    """
    A call to an address that the registry does not have fails, unless ``force`` is off.
    """
    assert [] == routed("10.0.0.9:2210")
    assert [] == routed("10.0.0.8")
    assert ["a", "b"] == routed("10.0.0.9:2210", force="no")


def test_another_name():
    """
    The option ``metadata`` names what is looked at.
    """
    by_node = router(metadata="Node")

    assert GIVEN[:1] == by_node.narrow(a_call(metadata={"Node": "a"}), GIVEN)
    assert GIVEN == by_node.narrow(a_call(metadata={"rpcfw-address": "a"}), GIVEN)
