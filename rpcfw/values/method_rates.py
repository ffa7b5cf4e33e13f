"""
What happened to the calls of one method in the last minute.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["MethodRates"]


@frozen
class MethodRates:
    """
    One method, at one side. Calls count when they end.

    Args:
        side: ``client``: this process calls it; ``server``: it serves it.
        service: the name of its service.
        method: its name.
        calls_per_s: calls that ended.
        errors_per_s: those of them whose status was not OK.
        in_flight: calls that are open now.
        p50_s: half of them took at most so long; None if none ended.
        p90_s: nine of ten.
        p99_s: ninety-nine of a hundred.
    """

    side: str
    service: str
    method: str
    calls_per_s: float
    errors_per_s: float
    in_flight: int
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
