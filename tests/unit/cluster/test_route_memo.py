"""
The routes that are remembered.
"""

from __future__ import annotations

from attrs import define

from rpcfw.cluster.route_memo import MAX_ROUTES, RouteMemo


@define(eq=False)
class Route:
    used: bool = False


def ask(memo, key) -> bool:
    """
    Take the route for a key as routing does; return whether it was remembered.
    """
    route = memo.get(key)
    if route is None:
        memo.add(key, Route())
        return False
    route.used = True
    return True


def test_a_bound():
    """
    However many keys come, no more routes than the bound are kept.
    """
    memo = RouteMemo()
    for key in range(10 * MAX_ROUTES):
        ask(memo, key)

        assert len(memo) <= MAX_ROUTES


def test_keys_that_come_once_evict_no_others():
    """
    Keys that are in use stay, however many others come once each.
    """
    memo = RouteMemo()
    busy = ["a", "b", "c"]
    for key in busy:
        ask(memo, key)
    found = []
    for number in range(20 * MAX_ROUTES):
        ask(memo, number)
        if number % 100 == 0:
            found += [ask(memo, key) for key in busy]

    assert all(found)


def test_keys_out_of_use_make_way():
    """
    A key that was used, and is no longer, is evicted in the end.
    """
    memo = RouteMemo()
    ask(memo, "old")
    ask(memo, "old")
    for number in range(2 * MAX_ROUTES):
        ask(memo, number)

    assert "old" not in memo


def test_all_in_use():
    """
    If all routes are in use, the oldest makes way.
    """
    memo = RouteMemo()
    for key in (*range(MAX_ROUTES), *range(MAX_ROUTES)):
        ask(memo, key)
    ask(memo, "new")

    assert MAX_ROUTES == len(memo)
    assert "new" in memo
    assert 0 not in memo
