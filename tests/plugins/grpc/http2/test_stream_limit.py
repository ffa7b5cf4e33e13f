"""
How many streams a client opens at once.
"""

from __future__ import annotations

from rpcfw_grpc.http2.abuse import Activity
from rpcfw_grpc.http2.stream_limit import StreamLimit


def test_a_refusal_lowers_the_limit_for_a_while() -> None:
    """
    To what was open then, and at least to one, until enough has moved.
    """
    activity = Activity()
    limit = StreamLimit(50, activity)
    limit.announced(10)
    limit.refused(4)
    assert not limit.allows(4)
    limit.refused(0)
    assert limit.allows(0)
    assert not limit.allows(1)
    activity.progress += 100
    assert limit.allows(9)
    assert not limit.allows(10)


def test_a_refusal_allows_no_more_than_the_settings() -> None:
    """
    A server that takes none for now gets none, though it has refused those it had.
    """
    limit = StreamLimit(50, Activity())
    limit.announced(0)
    limit.refused(2)
    assert 0 == limit.current
    assert not limit.allows(0)
