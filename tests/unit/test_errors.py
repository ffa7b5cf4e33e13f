"""
Errors as users catch them.
"""

from __future__ import annotations

import copy

import pytest

from rpcfw import errors
from rpcfw.errors import (
    ApplicationError,
    CallError,
    ConnectionLost,
    NoInstances,
    Overloaded,
    ProtocolError,
    Rejected,
    RPCFWError,
    SettingsError,
    Unavailable,
    error_from_status,
)
from rpcfw.status import Hint, Status

CALL_ERRORS = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, CallError) and one is not ApplicationError
]


def test_one_root():
    """
    Whatever this framework raises can be caught by one class.
    """
    raised = [one for name in errors.__all__ if (one := getattr(errors, name)) is not RPCFWError]

    assert all(issubclass(one, RPCFWError) for one in raised)


def test_every_error_is_public():
    """
    Every class that may be raised is in the list of public names.
    """
    defined = {
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, RPCFWError)
    }

    assert defined == set(errors.__all__)


@pytest.mark.parametrize("cls", CALL_ERRORS)
def test_a_class_knows_its_status(cls):
    """
    An error made without a word has the status and the hints of its class.
    """
    error = cls("what happened")

    assert error.status is cls.default_status
    assert error.hints == cls.default_hints
    assert f"{error.status.name}: what happened" == str(error)
    assert error.details == b""
    assert error.trailers == ()
    assert error.retry_after_s is None


@pytest.mark.parametrize(
    ("error", "hints"),
    [
        (NoInstances(), Hint.NEVER_SENT),
        (Rejected(), Hint.NOT_BEGUN),
        (Overloaded(), Hint.NOT_BEGUN),
        (ConnectionLost(), Hint.NONE),
        (Unavailable(), Hint.NONE),
    ],
)
def test_what_may_be_done(error, hints):
    """
    Only an error that knows that nothing was begun says so.
    """
    assert hints == error.hints


def test_a_hint_of_none_is_a_choice():
    """
    Given hints and status take the place of the class's, "none" too.
    """
    error = Rejected(status=Status.ABORTED, hints=Hint.NONE)

    assert error.hints is Hint.NONE
    assert error.status is Status.ABORTED


def test_an_authors_error():
    """
    The author of a service chooses a status and says what else there is to say.
    """
    error = ApplicationError(
        Status.NOT_FOUND, "no such order", details=b"d", trailers=(("a", "b"),), retry_after_s=2.0
    )

    assert str(error) == "NOT_FOUND: no such order"
    assert (b"d", (("a", "b"),), 2.0) == (error.details, error.trailers, error.retry_after_s)


def test_errors_can_be_copied():
    """
    A copy of an error, as tools that re-raise make it, says the same.
    """
    error = ApplicationError(Status.ABORTED, "again", hints=Hint.SAFE_TO_REPEAT)
    copied = copy.copy(error)

    assert str(error) == str(copied)
    assert error.hints == copied.hints


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
@pytest.mark.parametrize("hints", [Hint.NONE, Hint.NOT_BEGUN, Hint.FINAL])
def test_an_error_from_a_wire(status, hints):
    """
    What came over a wire is kept whole in the error that the caller catches.
    """
    error = error_from_status(
        status, "m", hints=hints, details=b"d", trailers=(("a", "b"),), retry_after_s=1.0
    )

    assert (status, "m", hints) == (error.status, error.message, error.hints)
    assert (b"d", (("a", "b"),), 1.0) == (error.details, error.trailers, error.retry_after_s)


@pytest.mark.parametrize(
    ("status", "hints", "cls"),
    [
        (Status.CANCELLED, Hint.NONE, errors.Cancelled),
        (Status.DEADLINE_EXCEEDED, Hint.NONE, errors.DeadlineExceeded),
        (Status.UNAVAILABLE, Hint.NONE, Unavailable),
        (Status.UNAVAILABLE, Hint.NOT_BEGUN, Rejected),
        (Status.RESOURCE_EXHAUSTED, Hint.NONE, CallError),
        (Status.RESOURCE_EXHAUSTED, Hint.NOT_BEGUN, Overloaded),
        (Status.UNIMPLEMENTED, Hint.NOT_BEGUN, errors.Unimplemented),
        (Status.UNAUTHENTICATED, Hint.NONE, errors.Unauthenticated),
        (Status.PERMISSION_DENIED, Hint.NONE, errors.PermissionDenied),
        (Status.NOT_FOUND, Hint.NONE, CallError),
    ],
)
def test_the_class_of_a_status(status, hints, cls):
    """
    A status that a caller would catch alone has its class again at the caller.
    """
    assert type(error_from_status(status, "", hints=hints)) is cls


def test_all_mistakes_at_once():
    """
    A settings error holds every mistake, one to a line.
    """
    error = SettingsError("first", "second")

    assert error.mistakes == ("first", "second")
    assert str(error) == "first\nsecond"


def test_a_broken_rule():
    """
    A protocol error says its reason and the wire's own number for it.
    """
    error = ProtocolError("expected a head", 7)

    assert ("expected a head", 7) == (error.reason, error.code)
    assert str(error) == "expected a head"
