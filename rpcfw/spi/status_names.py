"""
Names of statuses in options, as in ``statuses = UNAVAILABLE, ABORTED``.
"""

from __future__ import annotations

from difflib import get_close_matches

from rpcfw.status import Status

__all__ = ["status_problem"]


def status_problem(name: str) -> str:
    """
    Say why ``name`` is no status of a failure; return an empty text if it is one.
    """
    known = [each for each in Status.__members__ if each != "OK"]
    if name in known:
        return ""
    near = get_close_matches(name.upper(), known, 1)
    meant = f"did you mean {near[0]}?" if near else f"expected {', '.join(known)}"
    return f"{name!r} is no status of a failure; {meant}"
