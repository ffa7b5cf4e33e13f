"""
Stacks of filters.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from rpcfw.errors import SettingsError
from rpcfw.kernel.edits import Insert
from rpcfw.kernel.orders import ATTEMPT_ORDER, CALL_ORDER, SERVER_ORDER, Place
from rpcfw.kernel.stack import Stack
from rpcfw.spi.deadline_keeping import keep_deadline, keeps_deadline
from rpcfw.spi.filter import Filter, Role
from rpcfw.values.call import Call
from rpcfw.values.method import Method, Shape

ORDER = (
    Place(Role.METRICS, "first"),
    Place(Role.DEADLINE, "second", needed=True),
    Place(Role.USER, "third"),
    Place(Role.ATTEMPTS, "last"),
)


class Marking(Filter):
    """
    Adds its name to the request on the way in and to the answer on the way out.
    """

    def __init__(self, name):
        self.name = name

    async def apply(self, call, proceed):
        call.request.append(self.name)
        return [*(await proceed(call)), self.name]


def marks(stack):
    """
    Return the names of the filters as a call meets them, having checked both ways.
    """

    async def innermost(call):
        return []

    call = Call(Method("a.B", "c", Shape.UNARY, None, None, "raw"), [])
    results = []
    Deferred.fromCoroutine(stack.build(innermost)(call)).addCallback(results.append)
    assert results == [call.request[::-1]]
    return call.request


@pytest.fixture
def stack():
    """
    Give a stack with metrics, a deadline, and no more.
    """
    stack = Stack(ORDER)
    stack.put(Role.METRICS, "metrics", Marking("metrics"))
    stack.put(Role.DEADLINE, "deadline", Marking("deadline"))
    return stack


def test_a_call_passes_the_filters_in_the_order_of_the_places(stack):
    """
    Places, not the order of adding, decide; empty places cost nothing.
    """
    stack.put(Role.ATTEMPTS, "retry", Marking("retry"))
    stack.put(Role.USER, "a", Marking("a"))
    stack.put(Role.USER, "b", Marking("b"))

    assert ["metrics", "deadline", "a", "b", "retry"] == marks(stack)


def test_an_empty_stack_is_the_innermost_step():
    """
    Without filters nothing stands before the last step.
    """

    async def innermost(call):
        return call

    assert innermost is Stack(ORDER).build(innermost)


def test_inserting_at_a_place_that_is_empty(stack):
    """
    A place has its name also while nothing is there.
    """
    stack.insert(Insert("mine", "before", "ATTEMPTS"), Marking("mine"))
    stack.insert(Insert("other", "after", "METRICS"), Marking("other"))

    assert ["metrics", "other", "deadline", "mine"] == marks(stack)


def test_several_inserts_stand_in_the_order_given(stack):
    """
    The second of two filters at one side of a place is inside of the first.
    """
    for name in ("a", "b", "c"):
        stack.insert(Insert(name, "after", "METRICS"), Marking(name))
        stack.insert(Insert(name.upper(), "before", "ATTEMPTS"), Marking(name.upper()))

    assert ["metrics", "a", "b", "c", "deadline", "A", "B", "C"] == marks(stack)


def test_inserting_beside_an_inserted_filter(stack):
    """
    What was inserted is a place for others by its label.
    """
    stack.insert(Insert("a", "before", "DEADLINE"), Marking("a"))
    stack.insert(Insert("b", "before", "a"), Marking("b"))

    assert ["metrics", "b", "a", "deadline"] == marks(stack)


def test_replacing_a_place(stack):
    """
    A user's own filter may stand where ours stood; all of a role go.
    """
    stack.put(Role.METRICS, "more", Marking("more"))
    stack.insert(Insert("kept", "after", "more"), Marking("kept"))

    stack.replace("METRICS", "mine", Marking("mine"))
    stack.replace("deadline", "limit", Marking("limit"))

    assert ["mine", "kept", "limit"] == marks(stack)


def test_removing_leaves_the_place(stack):
    """
    What was removed by role or label is gone; its place can still be named.
    """
    stack.put(Role.METRICS, "more", Marking("more"))

    stack.remove("metrics")
    assert ["more", "deadline"] == marks(stack)
    stack.remove("METRICS")
    stack.insert(Insert("mine", "before", "METRICS"), Marking("mine"))
    assert ["mine", "deadline"] == marks(stack)
    stack.remove("mine")
    assert ["deadline"] == marks(stack)


def test_what_every_call_needs_cannot_be_removed(stack):
    """
    A stack without its deadline is refused.
    """
    with pytest.raises(SettingsError, match="DEADLINE cannot be removed"):
        stack.remove("DEADLINE")


@pytest.mark.parametrize(
    "edit",
    [
        lambda stack: stack.remove("ATTEMPT"),
        lambda stack: stack.replace("ATTEMPT", "x", Marking("x")),
        lambda stack: stack.insert(Insert("x", "before", "ATTEMPT"), Marking("x")),
        lambda stack: stack.insert(Insert("x", "after", "ATTEMPT"), Marking("x")),
    ],
)
def test_an_unknown_place_lists_the_known_ones(stack, edit):
    """
    A typing error in a place's name is answered with the nearest.
    """
    with pytest.raises(SettingsError) as caught:
        edit(stack)

    assert (
        "the stack has no place 'ATTEMPT'; did you mean 'ATTEMPTS'?"
        " known: ATTEMPTS, DEADLINE, METRICS, USER, deadline, metrics"
    ) == str(caught.value)


def test_a_stack_describes_itself(stack):
    """
    Each place is listed with what is in it, and each insert as the INI says it.
    """
    stack.insert(Insert("mine", "before", "ATTEMPTS"), Marking("mine"))

    assert (
        "METRICS: metrics",
        "DEADLINE: deadline",
        "USER: (empty)",
        "mine before ATTEMPTS",
        "ATTEMPTS: (empty)",
    ) == stack.describe()
    assert ["metrics", "deadline", "", "mine", ""] == [step.label for step in stack]


@pytest.mark.parametrize("order", [CALL_ORDER, ATTEMPT_ORDER, SERVER_ORDER])
def test_every_place_has_its_reason_and_stands_once(order):
    """
    The standard orders name no role twice and say why each is where it is.
    """
    roles = [place.role for place in order]

    assert len(roles) == len(set(roles))
    assert all(place.why for place in order)


def test_the_orders_hold_every_role():
    """
    No role is without a place.
    """
    assert set(Role) == {place.role for place in CALL_ORDER + ATTEMPT_ORDER + SERVER_ORDER}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["before", "after"]), st.sampled_from([p.role.value for p in ORDER])
        ),
        max_size=8,
    )
)
def test_inserts_never_disturb_the_order_of_the_rest(edits):
    """
    Whatever is inserted, each filter is on its side of its place and roles keep their order.
    """
    stack = Stack(ORDER)
    for place in ORDER:
        stack.put(place.role, place.role.value, Marking(place.role.value))
    for index, (side, anchor) in enumerate(edits):
        stack.insert(Insert(f"n{index}", side, anchor), Marking(f"n{index}"))

    met = marks(stack)

    assert [place.role.value for place in ORDER] == [each for each in met if each.isupper()]
    for index, (side, anchor) in enumerate(edits):
        assert (side == "before") == (met.index(f"n{index}") < met.index(anchor))


@pytest.mark.parametrize(
    ("waits", "kept"),
    [((False, False), True), ((False, True), False), ((True, False), False), ((), True)],
)
def test_who_keeps_the_deadline(waits, kept):
    """
    A stack keeps the deadline if its innermost step does, and no filter waits by itself.
    """

    async def innermost(call):
        return []

    stack = Stack(ORDER)
    for number, each in enumerate(waits):
        filter = Marking(str(number))
        filter.waits = each
        stack.put(Role.USER, str(number), filter)

    assert not keeps_deadline(stack.build(innermost))
    assert kept is keeps_deadline(stack.build(keep_deadline(innermost)))


def test_another_function_may_wait():
    """
    That a filter does not wait is no longer said of a subclass with a function of its own.
    """

    class Quiet(Marking):
        waits = False

    class Renamed(Quiet):
        pass

    class Queued(Quiet):
        async def apply(self, call, proceed):
            return await proceed(call)

    class Bound(Quiet):
        def bind(self, proceed):
            return proceed

    class QuietAgain(Queued):
        waits = False

    waits = [each.waits for each in (Quiet, Renamed, Queued, Bound, QuietAgain)]
    assert [False, False, True, True, False] == waits
