"""
How a generated stub asks a channel for its methods: one function for each shape of call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from rpcfw.values.method import Method
from rpcfw_grpc.adapters.generated import called_method

__all__ = ["StubMethods"]


def _of_shape(kind: str) -> Callable[..., Any]:
    """
    Return the function of one of `generated.SHAPES`, with the signature that grpcio has.
    """

    def callable_of(
        self: StubMethods,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        known = called_method(method, kind, request_serializer, response_deserializer)
        return self._callable(known, kind)

    callable_of.__name__ = kind
    return callable_of


class StubMethods(ABC):
    """
    What the two channels have in common.
    """

    @abstractmethod
    def _callable(self, method: Method, kind: str) -> Any:
        """
        Return what a stub calls for a method.

        Args:
            kind: which of `generated.SHAPES` it has.
        """

    unary_unary = _of_shape("unary_unary")
    unary_stream = _of_shape("unary_stream")
    stream_unary = _of_shape("stream_unary")
    stream_stream = _of_shape("stream_stream")
