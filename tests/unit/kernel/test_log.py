"""
What a person sees in the log.
"""

from __future__ import annotations

import sys
import warnings
from io import StringIO

import pytest
from twisted.logger import LogBeginner, Logger, LogPublisher
from twisted.python.failure import Failure

from rpcfw.errors import SettingsError
from rpcfw.kernel.log import OneLineObserver, begin_logging
from rpcfw.spi.access.audit_trail import AUDIT_LOG


def observed(traces=False):
    """
    Return a logger and the stream that its events are written to.
    """
    stream = StringIO()
    publisher = LogPublisher(OneLineObserver(stream, traces=traces))
    return Logger("rpcfw.part", observer=publisher), stream


def test_an_event_is_one_line():
    """
    Time, level, origin and text stand in one line, whatever the text has in it.
    """
    log, stream = observed()

    log.warn("two\nlines of {what}", what="text")

    [line] = stream.getvalue().splitlines()
    assert line.endswith(" warn rpcfw.part: two lines of text")
    assert line[:2] == "20"


def test_others_words_drive_no_terminal():
    """
    Control characters, and those that turn text around, stand as escapes, in traces too.
    """
    log, stream = observed(traces=True)

    log.warn("{name} is away", name="\x1b[2Jdemo\u202e")
    try:
        raise ValueError("\x1b]0;title\x07\u2028next")
    except ValueError:
        log.failure("failed")

    first, *rest = stream.getvalue().split("\n")
    assert first.endswith("\\x1b[2Jdemo\\u202e is away")
    assert all(line.isprintable() for line in rest)


def failure():
    """
    Return a failure with a trace.
    """
    try:
        raise ValueError("odd\nthing")
    except ValueError:
        return Failure()


def test_an_error_names_its_place_in_the_line():
    """
    A failure is told with its class, its words and where it happened, in one line.
    """
    log, stream = observed()

    log.failure("{part} failed", failure(), part="mine")

    [line] = stream.getvalue().splitlines()
    assert " critical rpcfw.part: mine failed: ValueError: odd thing (failure in " in line
    assert "test_log.py" in line


def test_traces_follow_when_they_are_wanted():
    """
    For debugging the whole trace follows in indented lines.
    """
    log, stream = observed(traces=True)

    log.failure("failed", failure())

    _, *trace = stream.getvalue().splitlines()
    assert trace
    assert all(line.startswith("    ") for line in trace)


def test_a_failure_without_words_and_an_event_without_origin():
    """
    Events of other libraries are written too, whatever they lack.
    """
    stream = StringIO()
    observer = OneLineObserver(stream)

    observer({"log_failure": Failure(ValueError("x")), "log_format": ""})
    observer({"log_format": "plain"})

    assert ["- info -: ValueError: x", "- info -: plain"] == stream.getvalue().splitlines()


def test_what_is_below_the_level_is_not_written():
    """
    The level that was asked for is the least that a person sees.
    """
    stream, publisher = StringIO(), LogPublisher()
    log = Logger("rpcfw.part", observer=publisher)

    begin_logging("warn", stream, LogBeginner(publisher, StringIO(), sys, warnings))
    log.info("small")
    log.warn("large")

    [line] = stream.getvalue().splitlines()
    assert line.endswith(" warn rpcfw.part: large")


def test_the_level_changes_while_the_process_runs():
    """
    Lines from the new level up are written, with whole traces at debug.
    """
    stream, publisher = StringIO(), LogPublisher()
    log = Logger("rpcfw.part", observer=publisher)
    log_at = begin_logging("warn", stream, LogBeginner(publisher, StringIO(), sys, warnings))
    log.debug("unseen")
    log_at("debug")
    log.debug("seen")
    log.failure("failed", failure())
    log_at("error")
    log.warn("unseen")

    seen, failed, *trace = stream.getvalue().splitlines()
    assert seen.endswith(" debug rpcfw.part: seen")
    assert " critical rpcfw.part: failed" in failed
    assert trace


def test_no_level_hides_the_audit_trail():
    """
    Rules from a registry can set the level, but cannot hide who has called.
    """
    stream, publisher = StringIO(), LogPublisher()
    trail = Logger(AUDIT_LOG, observer=publisher)
    log_at = begin_logging("error", stream, LogBeginner(publisher, StringIO(), sys, warnings))
    trail.info("ann called")
    log_at("warn")
    trail.info("bob called")

    first, second = stream.getvalue().splitlines()
    assert first.endswith(" info rpcfw.audit: ann called")
    assert second.endswith(" info rpcfw.audit: bob called")


def test_an_unknown_level_lists_the_known_ones():
    """
    A typing error after --log-level is answered with the nearest level.
    """
    with pytest.raises(SettingsError, match="unknown log level 'warning'; did you mean 'warn'"):
        begin_logging("warning", StringIO())
