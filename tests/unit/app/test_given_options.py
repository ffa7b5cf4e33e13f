"""
Which of several places an option comes from.
"""

from __future__ import annotations

from rpcfw.app.given_options import GivenOptions
from rpcfw.kernel.ini import Given, Origin, Section, SectionName

RETRY = SectionName("retry")


def sections(**options):
    origin = Origin("here")
    return {RETRY: Section(origin, {key: Given(text, origin) for key, text in options.items()})}


def over(given, service, *, shared=True):
    """
    Return what lies over ``[retry] plugin = usual``, and whether it begins anew.
    """
    layer, anew = given.over(service, lambda _: "usual", lambda _: shared)
    section = layer.sections.get(RETRY)
    values = {} if section is None else section.values
    return {key: each.text for key, each in values.items()}, RETRY in anew


def test_the_strongest_wins():
    """
    The rules of a service, those of the application, the program for one service, and for all.
    """
    given = GivenOptions()
    assert ({}, False) == over(given, "demo.Shop")
    given = given.by_program(RETRY, "", {"max_attempts": "1"})
    found = ["1"]
    for later in (
        lambda given: given.by_program(RETRY, "demo.Shop", {"max_attempts": "2"}),
        lambda given: given.by_rules("", sections(max_attempts="3")),
        lambda given: given.by_rules("demo.Shop", sections(max_attempts="4")),
    ):
        given = later(given)
        found.append(over(given, "demo.Shop")[0]["max_attempts"])
    assert ["1", "2", "3", "4"] == found
    assert "3" == over(given, "demo.Other")[0]["max_attempts"]
    assert "3" == over(given, "")[0]["max_attempts"]


def test_options_are_joined_key_by_key():
    """
    A place that gives one option takes nothing from what others give.
    """
    given = GivenOptions().by_program(RETRY, "", {"rate": "5/s"})
    given = given.by_rules("a", sections(max_attempts="3"))
    assert ({"rate": "5/s", "max_attempts": "3"}, False) == over(given, "a")


def test_what_concerns_a_service():
    """
    What is given for other services changes nothing for it.
    """
    given = GivenOptions().by_rules("a", sections(rate="1/s"))
    later = given.by_rules("b", sections(rate="2/s"))
    assert all(x is y for x, y in zip(given.concerns("a"), later.concerns("a"), strict=True))
    assert given.concerns("b") != later.concerns("b")
    assert later.concerns("a") != later.by_rules("", sections(rate="3/s")).concerns("a")


def test_what_is_given_for_a_service():
    """
    So it is with a section of one of its methods, whoever gives it.
    """
    method = SectionName("balancer", "a/get")
    given = GivenOptions().by_rules("", sections(rate="1/s")).by_program(method, "", {})
    assert [True, False] == [given.is_given_for(each) for each in "ab"]
    assert given.by_rules("b", sections(rate="1/s")).is_given_for("b")


def test_another_plugin_shares_nothing():
    """
    A service with another plugin gets only what is given for the service itself.
    """
    given = GivenOptions().by_rules("", sections(max_attempts="3"))
    assert ({}, False) == over(given, "a", shared=False)
    given = given.by_rules("a", sections(max_attempts="4"))
    assert "4" == over(given, "a", shared=False)[0]["max_attempts"]


def test_a_place_that_names_another_plugin_begins_anew():
    """
    The options of weaker places are for the plugin that those name.
    """
    given = GivenOptions().by_rules("", sections(rate="5/s"))
    given = given.by_rules("a", sections(plugin="mine", max_attempts="4"))
    assert ({"plugin": "mine", "max_attempts": "4"}, True) == over(given, "a")
    assert ({"rate": "5/s"}, False) == over(given, "b")


def test_a_place_that_names_the_configured_plugin_goes_back_to_it():
    """
    So what the configuration gives for that plugin counts again.
    """
    given = GivenOptions().by_rules("", sections(plugin="mine", rate="5/s"))
    given = given.by_rules("a", sections(plugin="usual"))
    assert ({"plugin": "usual"}, False) == over(given, "a")
    assert ({"plugin": "mine", "rate": "5/s"}, True) == over(given, "b")
