"""
The connection to an etcd member, and calls on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.status import Status
from rpcfw.values.address import Address
from rpcfw.values.method import Method
from rpcfw_registries.etcd.member import Member, OpenMember
from rpcfw_registries.etcd.tokens import NO_USER, Tokens
from rpcfw_registries.remote.failover import Failover

__all__ = ["FINAL", "EtcdSession", "explained"]

#: A status that is about the request, and not about the member.
_ABOUT_THE_REQUEST = (
    Status.OK,
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.ALREADY_EXISTS,
    Status.PERMISSION_DENIED,
    Status.RESOURCE_EXHAUSTED,
    Status.FAILED_PRECONDITION,
    Status.OUT_OF_RANGE,
    Status.UNAUTHENTICATED,
)
_AWAY = tuple(status for status in Status if status not in _ABOUT_THE_REQUEST)

#: What stays refused until a person changes something.
FINAL = (
    Status.INVALID_ARGUMENT,
    Status.PERMISSION_DENIED,
    Status.FAILED_PRECONDITION,
    Status.UNAUTHENTICATED,
)


class EtcdSession(Failover[Member]):
    """
    The connection to a member.

    Args:
        open_member: opens the connection to the member at an address.
        tokens: authenticate the user.
        timeout_s: limit of one call, a new token included.
        max_s: the longest pause between tries to reach a member.
        lost: called each time a member is left for another.
    """

    def __init__(
        self,
        addresses: tuple[Address, ...],
        open_member: OpenMember,
        tokens: Tokens,
        timeout_s: float,
        max_s: float,
        plugin_context: PluginContext,
        lost: Callable[[], None],
    ) -> None:
        what = "the etcd member"
        super().__init__(addresses, open_member, what, _AWAY, max_s, plugin_context, lost)
        self._tokens = tokens
        self._clock = plugin_context.clock
        self.timeout_s = timeout_s

    async def call(self, method: Method, request: Any, timeout_s: float | None = None) -> Any:
        """
        Call the member, at once.

        Raises:
            CallError: it did not answer, or refused.
        """
        member = self.channel()
        until = self._clock.seconds() + (self.timeout_s if timeout_s is None else timeout_s)
        try:
            reply = await self._ask(member, method, request, until)
        except CallError as error:
            self.failed(member, error)
            raise self.cause(member, error)  # noqa: B904  # as the error itself mostly is
        self.answered(member)
        return reply

    async def metadata(self, member: Member, until: float) -> dict[str, str]:
        """
        Return the metadata to send with a call of ``member``.

        Raises:
            CallError: authentication failed.
        """
        return await self._tokens.metadata(member, until - self._clock.seconds())

    def refused(self, error: CallError, sent: dict[str, str]) -> bool:
        """
        Take the reason why a call failed; return whether to try again.

        Args:
            sent: its metadata.
        """
        return self._tokens.refused(error, sent)

    async def _ask(self, member: Member, method: Method, request: Any, until: float) -> Any:
        sent = await self.metadata(member, until)
        try:
            return await member.call(method, request, until - self._clock.seconds(), sent)
        except CallError as error:
            if not self.refused(error, sent):
                raise
        sent = await self.metadata(member, until)
        return await member.call(method, request, until - self._clock.seconds(), sent)


def explained(error: CallError) -> RegistryError:
    """
    Return the error for a user of the registry whose request etcd has refused.
    """
    if NO_USER in error.message:
        return RegistryError("etcd wants to know who calls; set user and password")
    if "authentication failed" in error.message:
        return RegistryError("etcd knows no such user and password; set them right")
    if error.status is Status.PERMISSION_DENIED:
        return RegistryError(
            "etcd does not permit this; grant the user's role to read and, for providers,"
            " to write the keys under root"
        )
    return RegistryError(f"etcd refuses: {error}")
