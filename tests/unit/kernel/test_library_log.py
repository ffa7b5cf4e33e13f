"""
What libraries log by Python's ``logging``.
"""

from __future__ import annotations

import logging
from io import StringIO

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger, LogPublisher

from rpcfw.kernel.library_log import LibraryLog
from rpcfw.kernel.log import OneLineObserver


@pytest.fixture
def stream():
    return StringIO()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def library(stream, clock):
    """
    Return the logger of a library, whose only handler is the one under test.
    """
    publisher = LogPublisher(OneLineObserver(stream))
    handler = LibraryLog(Logger("rpcfw.libraries", observer=publisher), clock.seconds)
    logger = logging.Logger("other.part")  # noqa: LOG001 - nobody else logs there
    logger.addHandler(handler)
    return logger


def test_a_warning_is_one_line_of_the_log(library, stream):
    """
    A warning has the time, the level and the library; what is less is left out.
    """
    library.info("small")
    library.warning("cannot reach %s:\n%d times", "there", 3)
    (line,) = stream.getvalue().splitlines()
    assert line.endswith(" warn rpcfw.libraries: other.part: cannot reach there: 3 times")


def test_a_library_does_not_fill_the_log(library, stream, clock):
    """
    Of one library there are five lines in a minute, and then one that says how many were withheld.
    """
    for _ in range(100):
        library.error("again")
    assert 5 == stream.getvalue().count("again")
    clock.advance(61)
    library.error("again")
    assert "95 lines of this kind were withheld" in stream.getvalue()


def test_a_mistake_of_a_library(library, stream):
    """
    A text that its arguments do not fit is logged all the same.
    """
    library.warning("%d pieces", "no")
    assert "%d pieces" in stream.getvalue()
