"""
The lease of all keys that this process announces.
"""

from __future__ import annotations

import math
from contextlib import suppress

from rpcfw.errors import CallError
from rpcfw.spi.plugin import PluginContext
from rpcfw_registries.etcd.messages import LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE, message
from rpcfw_registries.etcd.session import EtcdSession

__all__ = ["Lease"]

#: Revoking has less time than other calls: without it the lease expires.
_REVOKE_S = 1.0
#: The most former leases that are revoked; further ones expire.
_MAX_FORMER = 8
_MAX_S = 86_400.0


class Lease:
    """
    One lease. If it expires, a new one is granted.

    Args:
        requested_s: its time to live (TTL) in seconds; etcd may grant more.
    """

    def __init__(
        self, session: EtcdSession, requested_s: float, plugin_context: PluginContext
    ) -> None:
        self._session = session
        self._requested_s = math.ceil(requested_s)
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        #: 0 while there is none.
        self.id = 0
        self.renew_at = 0.0
        self._granted_s = float(self._requested_s)
        self._former: list[int] = []

    async def keep(self) -> bool:
        """
        Renew the lease if that is due. Return whether it is a new lease.

        Raises:
            CallError: etcd did not answer, or refused.
        """
        now = self._clock.seconds()
        if self.id and (now < self.renew_at or await self._renew(now)):
            return False
        granted = await self._session.call(
            LEASE_GRANT, message("LeaseGrantRequest", TTL=self._requested_s)
        )
        self.id = granted.ID
        self._set_ttl(granted.TTL, now)
        return True

    def lost(self) -> None:
        """
        Forget the lease: etcd does not have it any more.
        """
        self.id = 0
        self.renew_at = 0.0

    def renew_now(self) -> None:
        """
        Let the next `keep` renew it: no member was reachable for an unknown time.
        """
        self.renew_at = 0.0

    def replace(self) -> None:
        """
        Let the next `keep` grant a new lease, and `clean_up` revoke this one.
        """
        if self.id:
            self._former = [*self._former, self.id][-_MAX_FORMER:]
            self.lost()

    async def clean_up(self) -> None:
        """
        Revoke the leases that `replace` has replaced.
        """
        former, self._former = self._former, []
        for lease in former:
            await self._revoke(lease)

    async def end(self) -> None:
        """
        Revoke it: etcd then deletes all its keys.
        """
        self.replace()
        await self.clean_up()

    async def _renew(self, now: float) -> bool:
        request = message("LeaseKeepAliveRequest", ID=self.id)
        limit_s = min(self._session.timeout_s, self._granted_s / 3)
        reply = await self._session.call(LEASE_KEEP_ALIVE, request, limit_s)
        if reply.TTL <= 0:  # etcd answers this if the lease has expired
            return False
        self._set_ttl(reply.TTL, now)
        return True

    async def _revoke(self, lease: int) -> None:
        request = message("LeaseRevokeRequest", ID=lease)
        if not self._session.away:
            with suppress(CallError):  # it has ended, or will by itself
                await self._session.call(LEASE_REVOKE, request, _REVOKE_S)

    def _set_ttl(self, ttl_s: int, now: float) -> None:
        self._granted_s = min(max(1.0, float(ttl_s)), _MAX_S)
        # A third of the TTL: two renewals may fail. Jitter: many providers do not renew at once.
        self.renew_at = now + self._granted_s / 3 * (0.9 + 0.2 * self._random.random())
