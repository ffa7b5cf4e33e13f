"""
Requests of browsers and probes as a metric, whose labels no request can make more of.
"""

from __future__ import annotations

from rpcfw.spi.runtime.metrics import OTHER, Counter, Family

__all__ = ["count_request"]

_METHODS = ("GET", "HEAD", "POST")


def count_request(requests: Family[Counter], page: str, method: str, status: int) -> None:
    """
    Count a request that is answered.

    Args:
        requests: has the labels ``page``, ``method`` and ``status``.
        page: the name of one that there is; empty for what is none.
        method: as the request has it.
        status: of the response, of which the class is kept: ``2xx``.
    """
    shown = method if method in _METHODS else OTHER
    requests.of(page or OTHER, shown, f"{status // 100}xx").value += 1
