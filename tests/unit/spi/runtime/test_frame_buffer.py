"""
Bytes that come in pieces.
"""

from __future__ import annotations

import tracemalloc

from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.protocol import Match
from rpcfw.spi.runtime.frame_buffer import FrameBuffer
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.wire.protocol import NativeProtocol
from tests.unit.wire.speech import MESSAGE, NO_MESSAGE, frame, request, server


def test_what_is_whole_is_not_copied():
    """
    Bytes that need no others are looked at where they are.
    """
    data = b"x" * 100

    assert data is FrameBuffer().add(data)


def test_pieces_are_given_together():
    """
    Pieces are kept until as many bytes are there as are needed.
    """
    inbox = FrameBuffer()
    inbox.keep(b"ab", 5)

    assert [b"", b"", b"abcdef", b"g"] == [inbox.add(piece) for piece in (b"c", b"d", b"ef", b"g")]


def test_what_is_skipped_is_counted():
    """
    Bytes to be skipped are dropped across pieces, then reading goes on.
    """
    inbox = FrameBuffer()
    inbox.skip(5)

    assert [b"", b"", b"f", b"g"] == [inbox.add(piece) for piece in (b"ab", b"cd", b"ef", b"g")]


def test_tiny_pieces_take_the_room_of_their_bytes():
    """
    A large frame in tiny pieces takes about its own size, not that of an object each.
    """
    machine = server()
    machine.receive(request(1, flags=NO_MESSAGE))
    message = frame(MESSAGE, b"", bytes(1 << 20), 1)
    pieces = [message[i : i + 2] for i in range(0, len(message), 2)]
    tracemalloc.start()
    events = [event for piece in pieces for event in machine.receive(piece)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [1 << 20] == [len(event.body) for event in events]
    assert peak < 4 << 20


def test_large_pieces_are_joined_once():
    """
    A large frame in large pieces is copied when it is whole, and not before.
    """
    piece = bytes(1 << 20)
    inbox = FrameBuffer()
    inbox.keep(piece, 8 << 20)
    tracemalloc.start()
    for _ in range(6):
        assert b"" == inbox.add(piece)
    kept, _ = tracemalloc.get_traced_memory()
    whole = inbox.add(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 8 << 20 == len(whole)
    assert kept < 1 << 20
    assert peak < 9 << 20


def test_first_bytes():
    """
    The protocol knows its first two bytes, and needs no third.
    """
    protocol = NativeProtocol(NoOptions(), plugin_context())
    answers = [protocol.match(data) for data in (b"", b"\xf7", b"\xf7\x52", b"\xf7\x53", b"GET")]

    assert [Match.MORE, Match.MORE, Match.YES, Match.NO, Match.NO] == answers


def test_which_frame_has_come_in_part():
    """
    It has a number as long as it is not whole, and another one has another.
    """
    machine = server()
    whole = frame(MESSAGE + 0x80, b"", b"x" * 40)
    assert 0 == machine.unfinished_frame
    machine.receive(whole[:20])
    first = machine.unfinished_frame
    machine.receive(whole[20:30])
    assert first == machine.unfinished_frame != 0
    machine.receive(whole[30:] + whole[:20])
    assert machine.unfinished_frame not in (0, first)
    machine.receive(whole[20:])
    assert 0 == machine.unfinished_frame


def test_an_oversize_frame_that_is_not_complete():
    """
    Bytes that are skipped are a frame in part as well.
    """
    machine = server(max_receive_bytes=10)
    machine.receive(frame(0x80, b"", bytes(11))[:-1])
    assert 0 != machine.unfinished_frame
    machine.receive(b"x")
    assert 0 == machine.unfinished_frame
