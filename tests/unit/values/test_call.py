"""
Calls, methods and outcomes.
"""

from __future__ import annotations

from math import inf

import pytest

from rpcfw.status import Hint, Status
from rpcfw.values.call import Call, serving
from rpcfw.values.metadata import EMPTY
from rpcfw.values.method import Method, Shape
from rpcfw.values.outcome import Outcome


def method(shape: Shape = Shape.UNARY) -> Method:
    return Method("demo.Greeter", "say", shape, str, str, codec="json")


def test_a_methods_path():
    """
    A method is named by its service and its own name.
    """
    assert method().path == "demo.Greeter/say"


@pytest.mark.parametrize(
    ("shape", "client_streams", "server_streams"),
    [
        (Shape.UNARY, False, False),
        (Shape.SERVER_STREAM, False, True),
        (Shape.CLIENT_STREAM, True, False),
        (Shape.BIDI_STREAM, True, True),
    ],
)
def test_shapes(shape, client_streams, server_streams):
    """
    A shape says which sides stream; only one with neither is the fast path.
    """
    assert (client_streams, server_streams) == (shape.client_streams, shape.server_streams)
    assert method(shape).unary is (shape is Shape.UNARY)


def test_methods_are_compared_by_identity():
    """
    A method is made once: another with the same fields is another.
    """
    assert method() != method()


def test_a_new_call():
    """
    A new call has no time limit yet, no attempts and nothing from a server.
    """
    call = Call(method(), "bob")

    assert (inf, 0, (), False) == (call.deadline, call.attempt, call.tried, call.cancelled)
    assert call.metadata is call.response_metadata is call.trailers is EMPTY


def test_the_end_of_a_stream_is_told_once():
    """
    Who asked for the end of a streaming response is told its status, innermost first, once.
    """
    call = Call(method(Shape.SERVER_STREAM), "bob")
    told = []
    call.on_end(lambda status: told.append(("outer", status)))
    call.on_end(lambda status: told.append(("inner", status)))
    call.end(Status.ABORTED)
    call.end(Status.OK)

    assert [("inner", Status.ABORTED), ("outer", Status.ABORTED)] == told


def test_the_end_is_told_at_once_to_who_asks_later():
    """
    Who asks after the end is told at once; what fails there is told to who ended the call.
    """
    call = Call(method(Shape.SERVER_STREAM), "bob")
    told, failures = [], []
    call.end(Status.OK, failures.append)
    call.on_end(told.append)
    call.on_end(lambda status: 1 / 0)

    assert [Status.OK] == told
    assert [ZeroDivisionError] == [type(error) for error in failures]


def test_an_end_that_nobody_asked_for():
    """
    A call whose end nobody waits for ends in peace.
    """
    Call(method(), "bob").end(Status.OK)


def test_code_serves_no_call_by_itself():
    """
    Outside of a method, no call is being served.
    """
    assert serving.get() is None


def test_an_outcome():
    """
    An outcome promises nothing that it was not told.
    """
    assert Outcome(Status.OK, 0.1).hints is Hint.NONE
