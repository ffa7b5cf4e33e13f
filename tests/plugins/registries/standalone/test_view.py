"""
What a watch knows, put together from updates.
"""

from __future__ import annotations

import msgspec
from twisted.logger import Logger

from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.standalone.updates import HASH_BYTES, Update, hash_of_record
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
    return Update("demo.Greeter", epoch, number, put=put, gone=list(gone), **flags)


def shown(view):
    """
    Return the ids in the list that is shown.
    """
    return sorted(instance.id for instance in view.instances())


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
    view.wanted()
    assert view.apply(update("e1", 10, "d"))
    assert ["a", "b", "d"] == shown(view)


def test_tells_changes_that_broke_off():
    """
    What was taken in but not yet shown when a stream broke is shown with the next.
    """
    view = known()
    assert not view.apply(update("e1", 9, "c", more=True))
    assert 2 == view.number
    view.wanted()
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


def test_fits_only_what_continues_the_list():
    """
    Changes after another number or of another epoch do not fit, and numbers out of range.
    """
    view = known()
    assert view.fits(update("e1", 3, since=2))
    assert not view.fits(update("e1", 4, since=3))
    assert not view.fits(update("e2", 3, since=2))
    assert view.fits(update("e2", 3, complete=True))
    assert not view.fits(update("e2", 1 << 60, complete=True))
    assert not view.fits(update("e2", -1, complete=True))


def test_continues_an_equal_list_of_another_server():
    """
    A list with the hash of this one takes its place, with all records or without some.
    """
    view = known()
    wanted = view.wanted(with_records=True)
    assert 2 * HASH_BYTES == len(wanted.records)
    same = update("e2", 7, hash=wanted.hash)
    assert view.fits(same)
    assert not view.apply(same)
    assert (["a", "b"], "e2", 7, False) == (shown(view), view.epoch, view.number, view.holds)

    gone = hash_of_record(instance_to_json(an_instance(id="a"))).to_bytes(HASH_BYTES, "big")
    changed = update("e2", 8, "c", hash=wanted.hash, gone_records=gone)
    assert view.apply(changed)
    assert ["b", "c"] == shown(view)
    assert not view.fits(changed)


def test_nothing_known_has_no_hash():
    """
    Who knows nothing yet asks for the list, and no answer to another question fits.
    """
    view = View("demo.Greeter", log())
    assert "" == view.wanted().hash
    assert not view.fits(update("e1", 1, hash="0" * 16))
