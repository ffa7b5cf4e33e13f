"""
Why a connection ended, as Twisted and OpenSSL report it.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

__all__ = ["drop_frames", "end_reason", "handshake_error", "is_silent"]

#: What `end_reason` returns if the connection just ended. Details may follow.
_SILENT = tuple(str(error).rstrip(".") for error in (ConnectionDone(), ConnectionLost()))


def handshake_error(failure: Failure) -> str:
    """
    Return why the TLS handshake failed; empty if the connection ended otherwise.
    """
    # Of OpenSSL, which is only there where TLS is used.
    if not failure.type.__module__.startswith("OpenSSL"):
        return ""
    errors = failure.value.args[0] if failure.value and failure.value.args else ()
    if not isinstance(errors, (list, tuple)):
        errors = ()  # of a system call: its number
    # Each is the library, a function and the reason.
    reasons = [str(each[-1]) for each in errors if isinstance(each, tuple) and each]
    return ", ".join(reasons) or "the peer broke it off"


def end_reason(failure: Failure) -> str:
    """
    Return why a connection ended, over TLS or not.
    """
    why = handshake_error(failure)
    return f"TLS: {why}" if why else failure.getErrorMessage()


def is_silent(reason: str) -> bool:
    """
    Return whether the peer ended the connection without saying why.
    """
    return reason.startswith(_SILENT)


def drop_frames(failure: Failure) -> None:
    """
    Release the frames of a failure that ended a connection.

    Twisted's TLS keeps the failure in a variable of a frame that is in its traceback: a
    reference cycle, which holds the whole connection until the garbage collector comes.
    """
    if getattr(failure.value, "__traceback__", None) is not None:
        failure.cleanFailure()
