"""
What callers of grpcio's threads' API catch. This file imports grpcio.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn

import grpc

from rpcfw.values.metadata import Metadata
from rpcfw_grpc.adapters.grpcio_values import Pair, code_of, details_of, grpc_pairs, trailers_of

__all__ = ["CallFailed"]


class CallFailed(grpc.RpcError, grpc.Call, grpc.Future):  # type: ignore[misc]  # grpcio has no types
    """
    A `grpc.RpcError` that tells how the call ended.

    It is a future that is over, too: interceptors are handed it in place of a call.

    Args:
        error: how it ended.
        began: what came before the messages.
        trailers: what came after them.
    """

    def __init__(self, error: BaseException, began: Metadata, trailers: Metadata) -> None:
        super().__init__(str(error))
        self._error = error
        self._began = grpc_pairs(began)
        self._trailers = grpc_pairs(trailers_of(error, trailers))

    def code(self) -> Any:
        return code_of(self._error)

    def details(self) -> str:
        return details_of(self._error)

    def debug_error_string(self) -> str:
        return str(self._error)

    def initial_metadata(self) -> tuple[Pair, ...]:
        return self._began

    def trailing_metadata(self) -> tuple[Pair, ...]:
        return self._trailers

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> None:
        return None

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], Any]) -> bool:
        return False

    # grpc.Future.

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> NoReturn:
        raise self

    def exception(self, timeout: float | None = None) -> CallFailed:
        return self

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        found: TracebackType | None = self.__traceback__
        return found

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        callback(self)
