"""
The token that authenticates a user to etcd.

Theory of operation. The Authenticate call exchanges user and password for a token, which
is sent with every other call. A member forgets a token that was not used for some
minutes, and all tokens when it restarts. It then refuses the call, and we authenticate
again. etcd makes the check of a password slow on purpose, so only one call authenticates
at a time, and the others wait for it.
"""

from __future__ import annotations

from twisted.logger import Logger

from rpcfw.errors import CallError
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.status import Status
from rpcfw_registries.etcd.member import Member
from rpcfw_registries.etcd.messages import AUTHENTICATE, message

__all__ = ["NO_USER", "REFUSED", "Tokens"]

#: etcd's error for a call without a token, where one is needed.
NO_USER = "user name is empty"
#: Its errors for a token that is out of date, if the status is not UNAUTHENTICATED.
REFUSED = (NO_USER, "invalid auth token", "auth store is old", "revision in header is old")

_log = Logger()


class Tokens:
    """
    The token of one user, requested when it is needed.

    Args:
        user: empty for none; there are no tokens then.
    """

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._token: str | None = None if user else ""
        self._authenticating = False
        self._waiting: list[Waiter[None]] = []

    async def metadata(self, member: Member, timeout_s: float) -> dict[str, str]:
        """
        Return the metadata to send with a call.

        Raises:
            CallError: authentication failed.
        """
        if self._token is None:
            if self._authenticating:
                waiter: Waiter[None] = Waiter()
                self._waiting.append(waiter)
                await waiter
            else:
                await self._authenticate(member, timeout_s)
        return {"token": self._token} if self._token else {}

    def refused(self, error: CallError, sent: dict[str, str]) -> bool:
        """
        Take the reason why a call failed, and return whether to try again.

        Args:
            sent: what `metadata` gave for it.
        """
        if not self._user:
            return False
        if error.status is Status.UNAUTHENTICATED or any(word in error.message for word in REFUSED):
            self.forget(sent)
            return True
        return False

    def forget(self, sent: dict[str, str]) -> None:
        """
        Drop the token that was ``sent``, unless there is a new one already.
        """
        if self._user and sent.get("token", "") == self._token:
            self._token = None

    async def _authenticate(self, member: Member, timeout_s: float) -> None:
        self._authenticating = True
        failed: CallError | None = None
        try:
            self._token = await self._ask(member, timeout_s)
        except CallError as error:
            failed = error
            raise
        finally:
            self._authenticating = False
            self._wake(failed)

    async def _ask(self, member: Member, timeout_s: float) -> str:
        request = message("AuthenticateRequest", name=self._user, password=self._password)
        try:
            reply = await member.call(AUTHENTICATE, request, timeout_s)
        except CallError as error:
            if "authentication is not enabled" not in error.message:
                raise
            _log.warn("a user is set, but authentication is not enabled in etcd")
            return ""
        return str(reply.token)

    def _wake(self, failed: CallError | None) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.called:
                continue
            if failed is None:
                waiter.callback(None)
            else:
                waiter.errback(failed)
