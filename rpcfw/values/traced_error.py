"""
Errors that name the trace of their call.
"""

from __future__ import annotations

from rpcfw.errors import CallError

__all__ = ["traced_error"]


def traced_error(error: CallError, trace_id: str) -> CallError:
    """
    Return an error as that of a call in a trace.

    Calls that end for the same reason, as a client that is closed, may share one error. So it is
    a copy if that names another trace.
    """
    if error.trace_id not in ("", trace_id):
        copied = type(error).__new__(type(error), *error.args)
        copied.__dict__.update(error.__dict__)
        error = copied
    error.trace_id = trace_id
    return error
