"""
Waiters in random use: they are Deferreds that take a shorter way.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from rpcfw.spi.runtime.waiting import Waiter

#: What a callback does with the result that it gets.
_BEHAVIOURS = ("pass", "none", "value", "raise", "fired", "pending", "failed")
_STEPS = st.one_of(
    st.tuples(
        st.sampled_from(["addBoth", "addCallback", "addErrback"]), st.sampled_from(_BEHAVIOURS)
    ),
    st.tuples(st.sampled_from(["callback", "errback", "cancel", "pause", "unpause"]), st.none()),
    st.tuples(st.just("both at once"), st.sampled_from(_BEHAVIOURS)),
)


class Run:
    """
    Does the same steps to any Deferred, and notes what happens.
    """

    def __init__(self, deferred):
        self.deferred = deferred
        self.notes = []
        self.inner = []
        self.paused = 0

    def do(self, number, step, behaviour):
        if step == "both at once":
            # A callback that adds another one while it runs.
            self.deferred.addBoth(self._adding, number, behaviour)
        elif behaviour is not None:
            getattr(self.deferred, step)(self._callback, number, behaviour)
        elif step in ("pause", "unpause"):
            if step == "pause" or self.paused:
                self.paused += 1 if step == "pause" else -1
                getattr(self.deferred, step)()
        elif step == "cancel":
            self.deferred.cancel()
        elif not self.deferred.called:
            getattr(self.deferred, step)(number if step == "callback" else KeyError(number))

    def end(self):
        while self.paused:
            self.paused -= 1
            self.deferred.unpause()
        for inner in self.inner:
            inner.callback("inner")
        if not self.deferred.called:
            self.deferred.callback("last")
        self.deferred.addBoth(lambda result: self.notes.append(("end", self._text(result))))

    def _adding(self, result, number, behaviour):
        self.deferred.addBoth(self._callback, f"{number} added", "pass")
        return self._callback(result, number, behaviour)

    def _callback(self, result, number, behaviour):
        self.notes.append((number, self._text(result)))
        if behaviour == "pass":
            return result
        if behaviour == "none":
            return None
        if behaviour == "raise":
            raise KeyError(number)
        if behaviour == "value":
            return f"value {number}"
        inner = type(self.deferred)()
        if behaviour == "fired":
            inner.callback(f"fired {number}")
        elif behaviour == "failed":
            inner.errback(KeyError(f"failed {number}"))
        else:
            self.inner.append(inner)
        return inner

    @staticmethod
    def _text(result):
        value = getattr(result, "value", result)
        return "cancelled" if isinstance(value, CancelledError) else repr(value)


@given(st.lists(_STEPS, max_size=8))
def test_a_waiter_is_a_deferred(steps):
    """
    Whatever is done to a waiter, its callbacks get what those of a Deferred get.
    """
    runs = [Run(Deferred()), Run(Waiter())]

    for run in runs:
        for number, (step, behaviour) in enumerate(steps):
            run.do(number, step, behaviour)
        run.end()

    assert runs[0].notes == runs[1].notes


def test_one_callback_takes_no_list():
    """
    A waiter makes a list of callbacks for the second one, and none for its awaiter alone.
    """
    waiter = Waiter()
    got = []
    waiter.addBoth(got.append)
    waiter.callback("value")
    assert (["value"], False) == (got, "_callbacks" in vars(waiter))

    waiter.addBoth(lambda _: got.append("more"))
    assert (["value", "more"], True) == (got, "_callbacks" in vars(waiter))


def test_nothing_is_missed_that_a_deferred_is_made_with():
    """
    A waiter, which skips the constructor of Deferred, has all that this sets.
    """
    constructed = vars(Deferred())
    assert {"_callbacks": [], "_canceller": None} == constructed
    waiter = Waiter()
    assert constructed == {name: getattr(waiter, name) for name in constructed}
