"""
What a server says of itself, and when.
"""

from __future__ import annotations

from rpcfw.server.health import ServerHealth
from rpcfw.values.health import Health


def board(*services: str) -> ServerHealth:
    return ServerHealth(lambda: services)


def test_before_it_listens_nothing_serves():
    """
    A server that is still coming is not serving, whatever its code says.
    """
    health = board("a")
    health.set("a", serving=True)

    assert {"": Health.NOT_SERVING, "a": Health.NOT_SERVING} == health.all()


def test_what_listens_serves():
    """
    Services need not say that they serve.
    """
    health = board("a")
    health.begin()

    assert {"": Health.SERVING, "a": Health.SERVING} == health.all()
    assert health.of("b") is None


def test_code_has_its_say():
    """
    A service is as it says, from before the start on; a name of one's own is known.
    """
    health = board("a", "b")
    health.set("a", serving=False)
    health.set("mine", serving=None)
    health.begin()

    assert Health.NOT_SERVING is health.of("a")
    assert Health.SERVING is health.of("b")
    assert Health.UNKNOWN is health.of("mine")


def test_who_leaves_serves_no_more():
    """
    From its first step out of the door a server is NOT_SERVING, for good.
    """
    health = board("a")
    health.begin()
    health.drain()
    health.set("a", serving=True)

    assert {"": Health.NOT_SERVING, "a": Health.NOT_SERVING} == health.all()


def test_watchers_hear_of_each_change_until_they_end():
    """
    Each change is told; who ended is not called, and may end twice.
    """
    health, heard = board("a"), []
    end_first = health.watch(lambda: heard.append("first"))
    health.watch(lambda: heard.append("second"))
    health.begin()
    end_first()
    end_first()
    health.drain()

    assert ["first", "second", "second"] == heard
