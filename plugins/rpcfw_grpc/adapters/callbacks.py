"""
Callbacks that users give to a call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

__all__ = ["run_callback"]

_log = Logger()


def run_callback(callback: Callable[..., Any], *arguments: Any) -> None:
    """
    Run a callback. What it raises is logged, as grpcio does: it changes nothing of the call.
    """
    try:
        callback(*arguments)
    except Exception:  # noqa: BLE001 - logged
        _log.failure("a callback of a call failed")
