"""
How many bytes are read at once, by what the last read was like.
"""

from __future__ import annotations

from types import SimpleNamespace

from rpcfw.transport.connection.read_size import READ_BYTES, SMALL_READ_BYTES, ReadSize


def test_full_reads_of_few_messages_become_larger():
    """
    A large message takes few reads; after it, reads are of the usual size again.
    """
    transport, size = SimpleNamespace(bufferSize=READ_BYTES), ReadSize()
    size.adapt(transport, READ_BYTES, 0.0, large=True)
    assert 1 << 20 == size.bytes == transport.bufferSize
    size.adapt(transport, 100, 0.0, large=True)

    assert READ_BYTES == size.bytes == transport.bufferSize


def test_full_reads_of_many_messages_do_not():
    """
    More of them at once would only make the turn longer.
    """
    transport, size = SimpleNamespace(bufferSize=READ_BYTES), ReadSize()
    size.adapt(transport, READ_BYTES, 0.0, large=False)

    assert READ_BYTES == size.bytes


def test_reads_stay_small_while_they_take_long():
    """
    Small reads take less time; as long as they are full and slow, they stay small.
    """
    transport, size = SimpleNamespace(bufferSize=READ_BYTES), ReadSize()
    size.adapt(transport, READ_BYTES, 0.004, large=False)
    assert SMALL_READ_BYTES == size.bytes == transport.bufferSize
    size.adapt(transport, SMALL_READ_BYTES, 0.001, large=False)
    assert SMALL_READ_BYTES == size.bytes
    size.adapt(transport, SMALL_READ_BYTES, 0.0001, large=False)

    assert READ_BYTES == size.bytes == transport.bufferSize
