"""
What a watch knows, put together from updates.
"""

from __future__ import annotations

import msgspec
from twisted.logger import Logger

from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.standalone.messages import Update
from rpcfw_registries.standalone.view import View


def log():
    """
    Return where a view complains.
    """
    return LimitedLog(Logger(), lambda: 0.0)


def update(epoch, number, *ids, gone=(), **flags):
    """
    Return an update that puts instances of these ids.
    """
    put = [msgspec.Raw(instance_to_json(an_instance(id=one))) for one in ids]
    return Update(epoch, number, put=put, gone=list(gone), **flags)


def shown(view):
    """
    Return the ids in the list that is shown.
    """
    return sorted(instance.id for instance in view.snapshot().instances)


def known():
    """
    Return a view that has been told of a and b.
    """
    view = View("demo.Greeter", log())
    assert view.apply(update("e1", 2, "a", "b", complete=True))
    return view


def test_shows_a_list_once_it_is_whole():
    """
    A list in parts is shown with its last part, and not before.
    """
    view = known()
    assert not view.apply(update("e1", 9, "c", complete=True, more=True))
    assert (["a", "b"], 2) == (shown(view), view.number)
    assert view.apply(update("e1", 9, "d"))
    assert (["c", "d"], 9) == (shown(view), view.number)


def test_forgets_a_list_that_broke_off():
    """
    The parts of a list whose stream broke do not mix with the next.
    """
    view = known()
    view.apply(update("e1", 9, "c", complete=True, more=True))
    view.begin()
    assert view.apply(update("e1", 10, "d"))
    assert ["a", "b", "d"] == shown(view)


def test_tells_changes_that_broke_off():
    """
    What was taken in but not yet shown when a stream broke is shown with the next.
    """
    view = known()
    assert not view.apply(update("e1", 9, "c", more=True))
    assert 2 == view.number
    view.begin()
    assert view.apply(update("e1", 9, "a", "b", "c", complete=True))
    assert ["a", "b", "c"] == shown(view)


def test_does_not_tell_the_same_again():
    """
    A resumed watch without changes, and a whole list as before, are no news.
    """
    view = known()
    assert not view.apply(update("e1", 3))
    assert not view.apply(update("e1", 3, "b", "a", complete=True))
    assert 3 == view.number


def test_an_empty_list_is_news_at_first():
    """
    That there is nothing is told once.
    """
    view = View("demo.Greeter", log())
    assert view.apply(update("e1", 0, complete=True))
    assert not view.apply(update("e1", 0, complete=True))


def test_holds_what_another_epoch_does_not_know():
    """
    What a new node lacks is held until it is let go, said to be gone, or put again.
    """
    view = known()
    assert not view.apply(update("e2", 1, "a", complete=True))
    assert view.holds
    assert ["a", "b"] == shown(view)
    assert view.apply(update("e2", 2, gone=["b"]))
    assert not view.holds
    assert ["a"] == shown(view)
    view.apply(update("e3", 1, "c", complete=True))
    assert ["a", "c"] == shown(view)
    view.release()
    assert ["c"] == shown(view)


def test_believes_the_same_epoch():
    """
    What a node that was there all the time does not name is gone.
    """
    view = known()
    assert view.apply(update("e1", 5, "a", complete=True))
    assert ["a"] == shown(view)


def test_skips_records_of_another_service():
    """
    A record that is filed under the wrong service is not shown.
    """
    view = View("demo.Other", log())
    assert view.apply(update("e1", 2, "a", complete=True))
    assert [] == shown(view)


def test_a_list_without_end_is_cut():
    """
    What is over the limit is left out, in a list and in changes; what is known still changes.
    """
    view = View("demo.Greeter", log(), max_instances=2)
    view.apply(update("e1", 2, "a", "b", "c", complete=True, more=True))
    view.apply(update("e1", 3, "d"))
    assert ["a", "b"] == shown(view)

    view.apply(update("e1", 4, "b", "e", gone=["a"]))
    assert ["b"] == shown(view)
    view.apply(update("e1", 5, "f"))
    assert ["b", "f"] == shown(view)
