"""
What a caller learns of an error, and what the log keeps of it.
"""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.server.calls.errors import ErrorMapper
from rpcfw.status import Status
from rpcfw.testing.leaks import LoggedErrors


@pytest.fixture
def log():
    log = LoggedErrors()
    yield log
    assert [] == log.close()


def fail(mapper, error, path="demo.Greeter/say", times=1):
    return [mapper.for_caller(path, error) for _ in range(times)]


def ids(errors):
    return [each.message.rpartition("under ")[2] for each in errors if "under " in each.message]


def test_an_error_is_found_in_the_log(log):
    """
    The caller gets the type of the error and the id of its line, and no text of it.
    """
    mapper = ErrorMapper(Random(1), Clock().seconds)
    (shown,) = fail(mapper, KeyError("secret"))
    (event,) = log.events(KeyError)
    assert Status.UNKNOWN is shown.status
    expected = f"KeyError in demo.Greeter/say; the server's log has it under {event['error_id']}"
    assert expected == shown.message
    log.flush(KeyError)


def test_callers_do_not_set_the_pace_of_the_log(log):
    """
    Ten errors of one type in one method are logged in a minute; the next line has the count.
    """
    clock = Clock()
    mapper = ErrorMapper(Random(1), clock.seconds)
    shown = fail(mapper, KeyError("x"), times=1000)
    assert 10 == len(ids(shown)) == len(log.flush(KeyError))
    expected = "KeyError in demo.Greeter/say; the server's log has earlier ones, and counts this"
    assert expected == shown[-1].message

    clock.advance(60)
    assert 1 == len(ids(fail(mapper, KeyError("x"))))
    (event,) = log.events(KeyError)
    assert 990 == event["withheld"]
    log.flush(KeyError)


def test_kinds_do_not_hide_each_other(log):
    """
    An error of another type, or in another method, is logged all the same.
    """
    mapper = ErrorMapper(Random(1), Clock().seconds)
    fail(mapper, KeyError("x"), times=1000)
    shown = [*fail(mapper, TypeError("x")), *fail(mapper, KeyError("x"), "demo.Greeter/who")]
    assert 2 == len(ids(shown))
    log.flush(KeyError, TypeError)
