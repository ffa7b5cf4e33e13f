"""
Callers of a registry server whose methods are called in place.
"""

from __future__ import annotations

from contextlib import contextmanager

from rpcfw.testing.candidates import a_call
from rpcfw.values.call import serving
from rpcfw.values.caller_identity import CallerIdentity

__all__ = ["HERE", "called_by"]

HERE = "10.0.0.1"


@contextmanager
def called_by(names=(), host=HERE):
    """
    Have what is done meanwhile done by a caller with these names, from this host.
    """
    call = a_call(peer=f"{host}:4711" if ":" not in host else f"[{host}]:4711")
    call.identity = CallerIdentity(names)
    token = serving.set(call)
    try:
        yield
    finally:
        serving.reset(token)
