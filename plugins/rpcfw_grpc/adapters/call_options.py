"""
What a caller of a stub names beside the request, as the framework's channels take it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rpcfw.errors import ContractError
from rpcfw_grpc.adapters.words import compression_of, pairs_of

__all__ = ["CallOptions", "call_options"]


class CallOptions(NamedTuple):
    """
    The options of one call, in the order in which a channel takes them.

    Args:
        timeout_s: its limit; None for the configured one.
        compression: of its requests; None for the configured one.
        wait_for_ready: it waits for somebody who serves. False leaves it to the service config.
    """

    timeout_s: float | None = None
    metadata: list[tuple[str, str | bytes]] | None = None
    compression: str | None = None
    wait_for_ready: bool = False


def call_options(
    timeout: float | None,
    metadata: Any,
    credentials: Any,
    wait_for_ready: bool | None,
    compression: Any,
) -> CallOptions:
    """
    Return the options for what was named in grpcio's words.

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
