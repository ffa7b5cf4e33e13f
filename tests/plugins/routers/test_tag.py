"""
Calls with tags.
"""

from __future__ import annotations

import pytest

from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.tag import TagRouter

PLAIN = candidate("plain")
OTHER_PLAIN = candidate("other-plain")
GRAY = candidate("gray", tags={"tag": "gray"})
BLUE = candidate("blue", tags={"tag": "blue", "lane": "x"})


def router(**options: str) -> TagRouter:
    return TagRouter(options_of(TagRouter.Options, **options), plugin_context())


def routed(call, *candidates, **options: str) -> list[str]:
    """
    Return the ids of those that are left.
    """
    return [one.instance.id for one in router(**options).narrow(call, candidates)]


class TestTagContract(RouterContract):
    def make(self):
        return router()


class TestForcedTagContract(RouterContract):
    def make(self):
        return router(force="true")


class TestDefaultTagContract(RouterContract):
    def make(self):
        return router(default="blue", tag="Tag")


def test_a_tag_goes_to_its_instances():
    """
    A call with a tag goes to the instances that carry it, to no other.
    """
    assert ["gray"] == routed(a_call(metadata={"tag": "gray"}), PLAIN, GRAY, BLUE)


def test_no_tag_leaves_tagged_instances_in_peace():
    """
    A call without a tag does not go to instances that carry one.
    """
    assert ["plain", "other-plain"] == routed(a_call(), PLAIN, GRAY, BLUE, OTHER_PLAIN)


def test_a_tag_that_nobody_has():
    """
    A call with a tag that nobody carries falls back to instances without one.
    """
    assert ["plain"] == routed(a_call(metadata={"tag": "red"}), PLAIN, GRAY, BLUE)


def test_never_another_tag():
    """
    A call with a tag never goes to instances with another tag.
    """
    assert [] == routed(a_call(metadata={"tag": "red"}), GRAY, BLUE)


def test_no_tag_and_nobody_without():
    """
    A call without a tag goes anywhere if all instances carry one.
    """
    assert ["gray", "blue"] == routed(a_call(), GRAY, BLUE)


@pytest.mark.parametrize("metadata", [{"tag": "red"}, {"tag": "blue"}])
def test_force_does_not_fall_back(metadata):
    """
    With ``force``, a call whose tag nobody carries has nowhere to go.
    """
    assert [] == routed(a_call(metadata=metadata), PLAIN, GRAY, force="true")


def test_force_keeps_untagged_calls_off():
    """
    With ``force``, a call without a tag does not go to instances that carry one.
    """
    assert [] == routed(a_call(), GRAY, BLUE, force="true")
    assert ["plain"] == routed(a_call(), GRAY, PLAIN, force="true")


def test_a_default_tag():
    """
    Calls without the metadata have the tag ``default``; an empty tag in the metadata is none.
    """
    given = PLAIN, GRAY, BLUE

    assert ["gray"] == routed(a_call(), *given, default="gray")
    assert ["blue"] == routed(a_call(metadata={"tag": "blue"}), *given, default="gray")
    assert ["plain"] == routed(a_call(metadata={"tag": ""}), *given, default="gray")


def test_another_name_of_the_tag():
    """
    The option ``tag`` names what is compared; other metadata is not looked at.
    """
    assert ["blue"] == routed(a_call(metadata={"lane": "x"}), PLAIN, GRAY, BLUE, tag="lane")
    assert ["plain", "gray"] == routed(
        a_call(metadata={"tag": "gray"}), PLAIN, GRAY, BLUE, tag="lane"
    )


def test_an_upper_case_name():
    """
    The option is found in metadata, whose names are lower-case, and in tags as written.
    """
    tagged = candidate("a", tags={"Lane": "x"})

    assert ["a"] == routed(a_call(metadata={"Lane": "x"}), tagged, PLAIN, tag="Lane")


def test_the_key_is_the_tag():
    """
    Only the tag decides, so answers are remembered by it.
    """
    calls = [a_call(metadata={"tag": "gray", "user": user}) for user in ("ann", "bob")]

    assert ["gray"] * 2 == [router().key(call) for call in calls]
    assert router().key(a_call()) == router().key(a_call(metadata={"user": "ann"}))
