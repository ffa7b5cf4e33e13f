"""
How long a node is ejected.
"""

from __future__ import annotations

from rpcfw.cluster.health.ejections import Ejections
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.kernel.settings import options_of


def ejections(**options):
    return Ejections(options_of(HealthOptions, **options))


def test_each_is_longer():
    """
    The n-th takes n times the first, up to the limit.
    """
    one = ejections(ejection_time="5s", max_ejection_time="12s")
    assert [5, 10, 12, 12] == [one.eject(100.0) for _ in range(4)]
    assert one.last(111.9)
    assert not one.last(112.0)


def test_the_count_falls():
    """
    For each good window after its end the next one is shorter again.
    """
    one = ejections(ejection_time="5s", window="10s")
    for _ in range(3):
        one.eject(0.0)
    for now in range(16, 36):
        one.decay(float(now))
    assert 10 == one.eject(36.0)


def test_it_does_not_fall_while_it_lasts():
    """
    Time in which a node gets no calls is no proof.
    """
    one = ejections(ejection_time="50s", window="10s")
    one.eject(0.0)
    for now in range(59):
        one.decay(float(now))
    assert 100 == one.eject(59.0)


def test_an_early_end():
    """
    A node that died is not ejected any more when it comes back.
    """
    one = ejections()
    one.eject(0.0)
    one.end(1.0)
    assert not one.last(1.0)
