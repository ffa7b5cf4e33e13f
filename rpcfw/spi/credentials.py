"""
Credentials: what a client sends with each attempt, so that the server knows who calls.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Coroutine
from typing import Any

from rpcfw.spi.filter import CallStep, Filter
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata

__all__ = ["Credentials"]


class Credentials(Filter):
    """
    A way to say who calls. It stands last in the attempt stack, at CREDENTIALS.

    The filter only leaves itself in the call. `metadata` is asked once the request is encoded
    and its connection is chosen, so what it returns is in no log and no filter, is fresh for
    each attempt, and can depend on the message.
    """

    waits = False

    @abstractmethod
    def metadata(self, call: Call, body: bytes | None, *, path: str, encrypted: bool) -> Metadata:
        """
        Return the metadata of the call with the credentials added. It must not wait.

        Args:
            body: the request as it is sent, compressed if it is; None for a stream.
            path: service and method as they are sent. Of an overloaded Java method this has the
                types, unless they are in the body.
            encrypted: the connection is over TLS, or does not leave the machine.

        Raises:
            CallError: the call must not be sent.
        """

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        call.credentials = self
        return await proceed(call)

    def bind(self, proceed: CallStep) -> CallStep:
        def step(call: Call) -> Coroutine[Any, Any, Any]:
            call.credentials = self
            return proceed(call)

        return step
