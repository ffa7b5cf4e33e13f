"""
What ``insert`` and ``remove`` of the INI ask for, before there is a stack.
"""

from __future__ import annotations

import pytest

from rpcfw.kernel.edits import Insert, edits_by_stack
from rpcfw.kernel.orders import STACKS


def divided(section, inserts=(), removes=()):
    """
    Return the edits of each stack as text, and the mistakes.
    """
    stacks, mistakes = edits_by_stack(section, [Insert.parse(each) for each in inserts], removes)
    shown = [([str(edit) for edit, _ in each.inserts], list(each.removes)) for each in stacks]
    return shown, mistakes


def test_the_place_says_which_stack():
    """
    A client's edits go to the call stack or to the attempt stack, by the place that they name.
    """
    inserts = ["a before ATTEMPTS", "b before BREAKER", "c after b", "d after a"]
    shown, mistakes = divided("client", inserts, ["METRICS", "LIMIT", "c"])
    call = ["a before ATTEMPTS", "d after a"]
    attempt = ["b before BREAKER", "c after b"]
    assert [(call, ["METRICS"]), (attempt, ["LIMIT", "c"])] == shown
    assert () == mistakes


def test_no_two_stacks_of_a_section_share_a_place():
    """
    A place is in one stack of a section alone, so that it says which is meant.
    """
    for orders in STACKS.values():
        places = [place.role for order in orders for place in order]
        assert len(places) == len(set(places))


def test_an_unknown_place():
    """
    The mistake is told of the option that makes it, with the known places of both stacks.
    """
    _, mistakes = divided("client", ["a before BREAKR"], ["LIMITS"])
    assert ["insert", "remove"] == [option for option, _ in mistakes]
    (_, inserted), (_, removed) = mistakes
    assert inserted.startswith("a before BREAKR: no stack of [client] has a place 'BREAKR'; ")
    assert "did you mean 'BREAKER'? known: ACCESS_LOG, ATTEMPTS, ATTEMPT_DEADLINE" in inserted
    assert "did you mean 'LIMIT'?" in removed


@pytest.mark.parametrize(("section", "place"), [("server", "BREAKER"), ("client", "ADMISSION")])
def test_a_place_of_the_other_side(section, place):
    """
    A place that is the other section's is answered with that section.
    """
    other = {"server": "client", "client": "server"}[section]
    _, mistakes = divided(section, [f"a before {place}"], [place])
    for (option, reason), its_option in zip(mistakes, ("insert", "remove"), strict=True):
        assert its_option == option
        assert reason.endswith(f"{place} is a place of [{other}]: set [{other}] insert or remove")


def test_one_mistake_is_told_once():
    """
    What is put beside a filter whose own place is unknown is no mistake of its own.
    """
    _, mistakes = divided("client", ["a before NOWHERE", "b after a"], ["a", "b"])
    assert 1 == len(mistakes)


def test_what_every_call_needs():
    """
    A place that no call can do without is not removed, in either stack's section.
    """
    for section in ("client", "server"):
        _, mistakes = divided(section, (), ["DEADLINE"])
        assert [("remove", "DEADLINE cannot be removed: every call needs it")] == [*mistakes]
