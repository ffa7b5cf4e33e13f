"""
Which of several places an option comes from.
"""

from __future__ import annotations

from rpcfw.app.given_options import GivenOptions
from rpcfw.kernel.ini import Given, Origin


def sections(text):
    return {"retry": {"max_attempts": Given(text, Origin(text))}}


def test_the_strongest_wins():
    """
    The rules of a service, those of the application, the program for one service, and for all.
    """
    given = GivenOptions()
    assert {} == given.of("retry", "demo.Shop")
    given = given.by_program("retry", "", {"max_attempts": "1"})
    found = ["1"]
    for later in (
        lambda given: given.by_program("retry", "demo.Shop", {"max_attempts": "2"}),
        lambda given: given.by_rules("", sections("3")),
        lambda given: given.by_rules("demo.Shop", sections("4")),
    ):
        given = later(given)
        found.append(given.of("retry", "demo.Shop")["max_attempts"].text)
    assert ["1", "2", "3", "4"] == found
    assert "3" == given.of("retry", "demo.Other")["max_attempts"].text
    assert "3" == given.of("retry", "")["max_attempts"].text


def test_options_are_joined_key_by_key():
    """
    A place that gives one option takes nothing from what others give.
    """
    given = GivenOptions().by_program("retry", "", {"rate": "5/s"}).by_rules("a", sections("3"))
    assert {"rate": "5/s", "max_attempts": "3"} == {
        key: one.text for key, one in given.of("retry", "a").items()
    }


def test_another_plugin_shares_nothing():
    """
    A service with another plugin gets only what is given for the service itself.
    """
    given = GivenOptions().by_rules("", sections("3"))
    assert {} == given.of("retry", "a", shared=False)
    assert (
        "4"
        == given.by_rules("a", sections("4")).of("retry", "a", shared=False)["max_attempts"].text
    )
