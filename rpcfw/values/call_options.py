"""
Options of one call, beside its method and its message.
"""

from __future__ import annotations

from typing import NamedTuple

from rpcfw.values.metadata import MetadataLike

__all__ = ["NO_CALL_OPTIONS", "CallOptions"]


class CallOptions(NamedTuple):
    """
    What a caller may ask of one call. It does not change, so one may be used for many calls.

    A named tuple, because it is made for each call that has options: an attrs class takes
    twice as long.

    Args:
        timeout_s: limit of the whole call, all attempts in it. None takes the method's
            own, else the configured default. `math.inf` is no limit: the call then ends when
            its server ends it, its connection is lost, or it is cancelled.
        metadata: pairs that are sent with the request.
        compression: the compression of all its request messages, small ones too, whether
            or not the server accepts it; ``none`` sends them uncompressed.
            None takes what is configured.
        wait_for_ready: the call waits, as long as it has time, for a server that is ready,
            instead of failing as unavailable. False leaves that to the service config.
    """

    timeout_s: float | None = None
    metadata: MetadataLike | None = None
    compression: str | None = None
    wait_for_ready: bool = False


#: Those of a call that asks for nothing; one object, so that such a call makes none.
NO_CALL_OPTIONS = CallOptions()
