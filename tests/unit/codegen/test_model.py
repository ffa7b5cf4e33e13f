"""
Descriptors as plain services and methods.
"""

from __future__ import annotations

from rpcfw.codegen.model import Message, read_file, read_messages
from rpcfw.values.method import Shape
from tests.unit.codegen.descriptors import ORDER, file, files


def _order():
    (service,) = read_file(file(ORDER), read_messages(files())).services
    return service


def test_shapes_are_read():
    """
    Each of the four shapes of a call is told by which sides stream.
    """
    assert [
        ("create", Shape.UNARY),
        ("close", Shape.UNARY),
        ("server_stream", Shape.SERVER_STREAM),
        ("client_stream", Shape.CLIENT_STREAM),
        ("bd_stream", Shape.BIDI_STREAM),
    ] == [(method.attribute, method.shape) for method in _order().methods]


def test_idempotency_is_read():
    """
    IDEMPOTENT and NO_SIDE_EFFECTS allow a call to be repeated; silence does not.
    """
    assert [False, True, True, False, False] == [one.idempotent for one in _order().methods]


def test_comments_are_read():
    """
    Comments before a service and a method come along, without their blanks.
    """
    service = _order()
    assert 'Orders.\n\nA "quote""" and a \\ backslash.' == service.comment
    assert ["Makes an order.", ""] == [method.comment for method in service.methods[:2]]


def test_nested_messages_are_found():
    """
    A message inside a message is known by its place in its file.
    """
    messages = read_messages(files())
    assert Message("common/money.proto", "Money.Part") == messages[".common.Money.Part"]


def test_a_file_without_a_package_has_short_names():
    """
    Without a package a message's full name is its name.
    """
    messages = read_messages([file('name: "x.proto" message_type { name: "M" }')])
    assert {".M": Message("x.proto", "M")} == messages
