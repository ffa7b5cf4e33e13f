"""
Bytes of a broker in pieces, for the tests of what reads them.
"""

from __future__ import annotations

from hypothesis import strategies as st

from rpcfw_buses.broker.machine import BrokerError

#: Sizes of pieces.
SIZES = st.lists(st.integers(1, 40), max_size=30)


class Read:
    """
    What came of a reader.

    Args:
        make: makes the reader, given a list for what it reads.
    """

    def __init__(self, make):
        self.events = []
        self.reader = make(self.events)

    def take(self, *pieces):
        for piece in pieces:
            self.reader.receive(piece)
        return self.events


def in_bytes(data):
    """
    Return bytes one by one.
    """
    return [data[index : index + 1] for index in range(len(data))]


def assert_the_cut_does_not_matter(make, data, sizes):
    """
    Assert that the same is read from whole bytes, from pieces, and byte by byte.
    """
    pieces, rest = [], data
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    whole = _outcome(make, data)
    assert whole == _outcome(make, *pieces, rest)
    assert whole == _outcome(make, *in_bytes(data))


def _outcome(make, *pieces):
    read = Read(make)
    try:
        read.take(*pieces)
    except BrokerError:
        return [*read.events, "error"]
    return read.events
