"""
One member of an etcd cluster: the seam between the registry and a client of etcd.

Above it is what a registry does with etcd: leases, watches that resume, users, the
choice of a member. Below it is how a request is sent: by our own gRPC (`grpc_member`)
or by the package etcd3 (`etcd3.member`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from rpcfw.values.address import Address
from rpcfw.values.method import Method

__all__ = ["Changes", "Member", "OpenMember"]


class Changes(Protocol):
    """
    The answers to one watch.
    """

    async def __anext__(self) -> Any:
        """
        Return the next ``WatchResponse``.

        Raises:
            CallError: the watch has failed, or was cancelled.
            StopAsyncIteration: the member has ended it.
        """

    def cancel(self) -> None:
        """
        Cancel the watch, here and at the member. May be repeated.
        """


class Member(ABC):
    """
    A connection to one member, kept or made when it is needed.

    Nothing blocks, and every request has a limit in time. What goes wrong is a
    `CallError` with the member's own status and message, or with ``UNAVAILABLE`` and
    ``DEADLINE_EXCEEDED`` where it says nothing.
    """

    @abstractmethod
    async def call(
        self, method: Method, request: Any, timeout_s: float, metadata: dict[str, str] | None = None
    ) -> Any:
        """
        Ask, and return the response.

        Args:
            method: one of `rpcfw_registries.etcd.messages`, but ``WATCH``.
            request: made by its ``message``. The response has the members that are
                declared there.

        Raises:
            CallError: it did not answer, or refused.
        """

    @abstractmethod
    def watch(self, request: Any, timeout_s: float, metadata: dict[str, str]) -> Changes:
        """
        Begin a watch. It fails with ``DEADLINE_EXCEEDED`` when its time is over.
        """

    @abstractmethod
    async def close(self) -> None:
        """
        Close the connection. Open calls fail as cancelled.
        """


#: How a member at an address is had. Connecting, and what goes wrong with it, is
#: left to the first request.
OpenMember = Callable[[Address], Member]
