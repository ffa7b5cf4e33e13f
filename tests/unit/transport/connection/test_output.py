"""
When a connection's output is written, and who waits for a full socket.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.transport.connection.output import LARGE_BYTES, Output


class Machine:
    """
    A machine as far as its output goes.
    """

    unsent_bytes = 0

    def __init__(self) -> None:
        self.output = b""

    def take_output(self) -> bytes:
        output, self.output = self.output, b""
        return output


class Transport:
    """
    A transport without a socket, which notes what it gets.
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def attached() -> tuple[Machine, Output, Transport]:
    """
    Return an output with its machine and its transport.
    """
    machine, transport = Machine(), Transport()
    output = Output(machine)
    output.attach(transport)
    return machine, output, transport


def test_output_is_written_at_once_outside_a_turn():
    """
    Nobody has to write it later.
    """
    machine, output, transport = attached()
    machine.output = b"ping"
    output.flush()

    assert [b"ping"] == transport.written


def test_output_is_collected_within_a_turn():
    """
    Small messages wait for the end of the turn; a large one is written, and counted.
    """
    machine, output, transport = attached()
    counted: list[int] = []
    output.on_large_write = counted.append
    output.gathering = True
    machine.output = b"small"
    output.flush(5)
    assert [] == transport.written
    machine.output += bytes(LARGE_BYTES + 1)
    output.flush(LARGE_BYTES + 1)

    assert [LARGE_BYTES + 6] == counted == [len(data) for data in transport.written]


def test_nothing_is_written_after_the_close():
    """
    What the machine still has to send is dropped.
    """
    machine, output, transport = attached()
    output.closed = True
    machine.output = b"late"
    output.flush()

    assert [] == transport.written
    assert b"" == machine.output


def test_bytes_that_a_full_socket_keeps_are_counted():
    """
    From the moment when it becomes full until it has written all.
    """
    machine, output, _ = attached()
    machine.output = b"before"
    output.flush()
    output.full = True
    machine.output = b"while"
    output.flush()
    assert 5 == output.queued_bytes
    output.drained()

    assert 0 == output.queued_bytes


def test_writers_wait_for_a_full_socket():
    """
    They resume one by one; the one that fills the socket again stops the rest.
    """
    _, output, _ = attached()
    output.full = True
    resumed: list[int] = []

    async def write(number: int) -> None:
        await output.when_writable()
        resumed.append(number)
        output.full = number == 1

    for number in range(3):
        spawn(write(number))
    output.drained()
    output.resume_writers()
    assert [0, 1] == resumed
    output.drained()
    output.resume_writers()

    assert [0, 1, 2] == resumed


def test_no_writer_waits_for_a_closed_connection():
    """
    Those that wait resume, and find out what became of their calls.
    """
    _, output, _ = attached()
    output.full = True
    waiting = spawn(output.when_writable())
    output.closed = True
    output.resume_writers()

    assert waiting.called
    assert spawn(output.when_writable()).called


def test_writing_before_there_is_a_connection_is_a_mistake():
    """
    It is reported, not lost.
    """
    machine = Machine()
    machine.output = b"early"
    with pytest.raises(RuntimeError, match="5 bytes were written before"):
        Output(machine).flush()
