"""
Lines of standard input, as coroutines get them.
"""

from __future__ import annotations

import os

import pytest
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.cli.stdin import Lines
from rpcfw.errors import SettingsError


class LinesTest(TestCase):
    timeout = 10

    def lines(self, max_bytes: int = 1000) -> tuple[Lines, int]:
        """
        Return the lines of a pipe, and the end to write to.
        """
        from twisted.internet import reactor

        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        return Lines(reactor, reading, max_bytes), writing

    async def test_lines_come_as_they_are_wanted(self) -> None:
        """
        Lines come in order without their ends, empty ones left out, the last unended too.
        """
        lines, writing = self.lines()
        os.write(writing, b"one\n\n  two \r\nthr")
        assert b"one" == await anext(lines)
        assert b"two" == await anext(lines)
        os.write(writing, b"ee")
        os.close(writing)
        assert [b"three"] == [line async for line in lines]

    async def test_nothing_at_all(self) -> None:
        """
        An input that ends at once has no lines.
        """
        lines, writing = self.lines()
        os.close(writing)
        assert [] == [line async for line in lines]

    async def test_a_line_too_long(self) -> None:
        """
        A line over the limit is refused before all of it is taken.
        """
        lines, writing = self.lines(max_bytes=10)
        os.write(writing, b"x" * 20)
        with pytest.raises(SettingsError, match="longer than 10 bytes"):
            await anext(lines)
        os.close(writing)

    async def test_a_wait_that_was_given_up(self) -> None:
        """
        A line that came too late for one who wanted it is kept for the next.
        """
        lines, writing = self.lines()
        waiting = Deferred.fromCoroutine(lines.__anext__())
        waiting.cancel()
        self.failureResultOf(waiting)
        os.write(writing, b"late\nnext\n")
        os.close(writing)
        assert [b"late", b"next"] == [line async for line in lines]
