"""
What libraries log by Python's ``logging``, in the log of the process.

Python would write the bare text to standard error, without a time, and as often as it comes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from twisted.logger import Logger

from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["LibraryLog"]


class LibraryLog(logging.Handler):
    """
    Passes on warnings, a few of each library in a minute.

    It is meant for `logging.lastResort`, which gets what no handler of the program gets. A
    handler of the root logger would keep `logging.basicConfig` from having an effect.

    Args:
        log: where the lines go.
        seconds: monotonic time.
    """

    def __init__(self, log: Logger, seconds: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._limited = LimitedLog(log, seconds)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception as error:  # noqa: BLE001 - its arguments do not fit: whatever they raise
            text = f"{record.msg} ({error!r})"
        self._limited.warn_of(record.name, "{library}: {text}", library=record.name, text=text)
