"""
Errors of calls that end for the same reason.
"""

from __future__ import annotations

from rpcfw.errors import CallError

__all__ = ["copied_error"]


def copied_error(error: CallError) -> CallError:
    """
    Return an error that says the same, for another call that ends for the same reason.

    Each call has its own: it gets the trace of the call, and a traceback where it is raised.
    """
    copied = type(error).__new__(type(error), *error.args)
    copied.__dict__.update(error.__dict__)
    return copied
