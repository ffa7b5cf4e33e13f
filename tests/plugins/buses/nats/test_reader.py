"""
The frames of a NATS server, however they are cut.
"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw_buses.broker.machine import BrokerError
from rpcfw_buses.nats.reader import MAX_LINE_BYTES, NATSReader
from tests.plugins.buses import pieces

MAX_MESSAGE = 1000


def reader(events):
    return NATSReader(
        lambda subject, payload: events.append((subject, payload)),
        lambda operation, rest: events.append((b"line", operation, rest)),
        lambda: events.append("skipped"),
        MAX_MESSAGE,
    )


class Read(pieces.Read):
    def __init__(self):
        super().__init__(reader)


def test_reads_each_operation():
    """
    Operations are of either case, fields are separated by any blanks, and a reply is ignored.
    """
    data = (
        b'INFO {"max_payload": 5} \r\n'
        b"MSG a.b 9 5\r\n\r\n+OK\r\n"
        b"msg  a.b\t9 reply 0\r\n\r\n"
        b"ping\r\n+OK\r\n-ERR 'Stale Connection'\r\n\r\n"
    )
    expected = [
        (b"line", b"INFO", b'{"max_payload": 5} '),
        (b"a.b", b"\r\n+OK"),
        (b"a.b", b""),
        (b"line", b"PING", b""),
        (b"line", b"+OK", b""),
        (b"line", b"-ERR", b"'Stale Connection'"),
        (b"line", b"", b""),
    ]
    assert expected == Read().take(data)
    assert expected == Read().take(*pieces.in_bytes(data))


def test_a_large_message_is_skipped():
    """
    What is larger than the bus takes is passed over as it arrives, and what follows is read.
    """
    large = b"MSG a 1 5000\r\n" + bytes(5000) + b"\r\n"
    data = large + b"MSG a 1 1\r\nx\r\n" + large + b"PING\r\n"
    expected = ["skipped", (b"a", b"x"), "skipped", (b"line", b"PING", b"")]
    assert expected == Read().take(data)
    assert expected == Read().take(*pieces.in_bytes(data))


def test_an_announced_size_takes_no_memory():
    """
    A size alone, however large, makes the reader keep nothing.
    """
    read = Read()
    tracemalloc.start()
    try:
        read.take(b"MSG a 1 999999999\r\n", bytes(1 << 16))
        assert tracemalloc.get_traced_memory()[0] < 1 << 16
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"MSG a 1\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a 1 1e3\r\n",
        b"MSG a 1 9999999999\r\n",
        b"MSG a 1 b 5 5\r\n",
        b"MSG\r\n",
        b"MSG a 1 1\r\nabc",
        b"x" * MAX_LINE_BYTES,
    ],
)
def test_what_no_server_sends(data):
    """
    What breaks the protocol ends the connection.
    """
    with pytest.raises(BrokerError):
        Read().take(data)
    with pytest.raises(BrokerError):
        Read().take(*pieces.in_bytes(data))


FRAMES = st.one_of(
    st.binary(max_size=1200).map(lambda load: b"MSG s 1 %d\r\n%b\r\n" % (len(load), load)),
    st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'x'\r\n", b"INFO {}\r\n"]),
    st.binary(max_size=20),
)


@given(st.lists(FRAMES, max_size=6).map(b"".join), pieces.SIZES)
def test_the_cut_does_not_matter(data, sizes):
    """
    The same is read from whole bytes, from pieces, and byte by byte; so is an error.
    """
    pieces.assert_the_cut_does_not_matter(reader, data, sizes)
