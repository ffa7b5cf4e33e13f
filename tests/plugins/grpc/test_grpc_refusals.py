"""
What a client makes of calls that the server refuses.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import Overloaded
from rpcfw.spi.events import CallEnded
from rpcfw.status import Hint
from rpcfw_grpc.http2 import frames
from tests.plugins.grpc.pair import HEAD, RESPONSE, chunk, client, head, message, only


def test_a_refusal_lowers_the_limit_for_a_while() -> None:
    """
    Whoever was refused waits instead of being refused again, until other calls have moved.
    """
    machine = client({3: 3})
    calls = [machine.call(HEAD, b"", "", True) for _ in range(3)]
    ended = only(CallEnded, machine.receive(frames.reset(calls[0], 7)))
    assert Hint.NOT_BEGUN in ended.hints
    with pytest.raises(Overloaded, match="takes 2 calls at once"):
        machine.call(HEAD, b"", "", True)
    machine.receive(head(calls[1], RESPONSE) + chunk(calls[1], message(b"m")) * 100)
    machine.call(HEAD, b"", "", True)
    with pytest.raises(Overloaded, match="takes 3 calls at once"):
        machine.call(HEAD, b"", "", True)


def test_a_server_that_refuses_all_is_still_asked() -> None:
    """
    One call is always let through, or nothing would ever tell that it takes calls again.
    """
    machine = client({3: 3})
    for _ in range(5):
        machine.receive(frames.reset(machine.call(HEAD, b"", "", True), 7))
    machine.call(HEAD, b"", "", True)
    with pytest.raises(Overloaded, match="takes 1 calls at once"):
        machine.call(HEAD, b"", "", True)
