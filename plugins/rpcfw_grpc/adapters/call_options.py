"""
What a caller of a stub names beside the request, as the framework's channels take it.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import ContractError
from rpcfw.values.call_options import CallOptions
from rpcfw_grpc.adapters.grpcio_values import compression_of, pairs_of

__all__ = ["call_options"]


def call_options(
    timeout: float | None,
    metadata: Any,
    credentials: Any,
    wait_for_ready: bool | None,
    compression: Any,
) -> CallOptions:
    """
    Return the options for grpcio's arguments.

    Raises:
        ContractError: one of them cannot be used.
    """
    if credentials is not None:
        raise ContractError(
            "credentials= of a call cannot be read here: send what they would add as metadata, "
            "for example metadata=[('authorization', 'Bearer ...')] on a secure channel"
        )
    return CallOptions(
        timeout,
        pairs_of(metadata),
        None if compression is None else compression_of(compression),
        bool(wait_for_ready),
    )
