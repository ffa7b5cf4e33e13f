"""
The frames of a Redis server, however they are cut.
"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw_buses.broker.machine import BrokerError
from rpcfw_buses.redis.reader import RESPError, RESPReader
from tests.plugins.buses import pieces

MAX_MESSAGE = 1000


def message(payload, channel=b"a"):
    head = b">3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n" % (len(channel), channel)
    return head + b"$%d\r\n%b\r\n" % (len(payload), payload)


def reader(events):
    return RESPReader(
        lambda channel, payload: events.append((channel, payload)),
        events.append,
        lambda: events.append("skipped"),
        MAX_MESSAGE,
    )


class Read(pieces.Read):
    def __init__(self):
        super().__init__(reader)


def test_reads_each_type():
    """
    Replies of every type of the protocol, and messages between them.
    """
    data = (
        b"%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nmodules\r\n*1\r\n~0\r\n"
        b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
        + message(b"\r\n+OK")
        + b"+PONG\r\n:-12\r\n-ERR no\r\n_\r\n#t\r\n,1.5\r\n=5\r\ntxt:a\r\n!3\r\nERR\r\n"
        + message(b"")
    )
    expected = [
        [b"proto", 3, b"modules", [[]]],
        [b"subscribe", b"a", 1],
        (b"a", b"\r\n+OK"),
        "PONG",
        -12,
        "ERR no",
        "",
        "t",
        "1.5",
        b"txt:a",
        b"ERR",
        (b"a", b""),
    ]
    assert expected == Read().take(data)
    assert expected == Read().take(*pieces.in_bytes(data))
    assert isinstance(Read().take(b"-ERR no\r\n")[0], RESPError)


def test_a_large_message_is_skipped():
    """
    What is larger than the bus takes is passed over as it arrives, and what follows is read.
    """
    data = message(bytes(5000)) + message(b"x") + message(bytes(1001)) + b"+PONG\r\n"
    expected = ["skipped", (b"a", b"x"), "skipped", "PONG"]
    assert expected == Read().take(data)
    assert expected == Read().take(*pieces.in_bytes(data))


def test_an_announced_size_takes_no_memory():
    """
    A size alone, however large, makes the reader keep nothing.
    """
    read = Read()
    tracemalloc.start()
    try:
        read.take(message(b"")[:-5] + b"999999999\r\n", bytes(1 << 16))
        assert tracemalloc.get_traced_memory()[0] < 1 << 16
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"$-1\r\n",
        b"$9999999999\r\n",
        b"$20000\r\n",
        b"*257\r\n",
        b"*1\r\n" * 9 + b"+x\r\n",
        b"$1\r\nabc",
        b":x\r\n",
        b":" + b"1" * 21 + b"\r\n",
        b"*200\r\n" + b"$100\r\n%b\r\n" % bytes(100) * 200,
        b"+" + b"x" * 20_000,
        b"*200\r\n" + b"$100\r\n%b\r\n" % bytes(100) * 180,
        message(b"x", b"c" * 300),
        message(b"x").replace(b"$1\r\nx", b":1\r\n"),
        message(b"x")[:-2] + b"yz",
    ],
)
def test_what_no_server_sends(data):
    """
    What breaks the protocol, or is larger than any reply, ends the connection.
    """
    with pytest.raises(BrokerError):
        Read().take(data)
    with pytest.raises(BrokerError):
        Read().take(*pieces.in_bytes(data))


FRAMES = st.one_of(
    st.binary(max_size=1200).map(message),
    st.sampled_from([b"+PONG\r\n", b":1\r\n", b"-ERR x\r\n", b"%1\r\n$1\r\na\r\n:2\r\n"]),
    st.binary(max_size=20),
)


@given(st.lists(FRAMES, max_size=6).map(b"".join), pieces.SIZES)
def test_the_cut_does_not_matter(data, sizes):
    """
    The same is read from whole bytes, from pieces, and byte by byte; so is an error.
    """
    pieces.assert_the_cut_does_not_matter(reader, data, sizes)
