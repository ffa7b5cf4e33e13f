"""
Reading what stands under a prefix, however much it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError
from rpcfw.status import Status
from rpcfw_registries.etcd.messages import RANGE, message
from rpcfw_registries.etcd.session import EtcdSession

__all__ = ["Listing", "end_of"]

#: Keys in one page. A page that is too large for a message is asked for in parts.
_PAGE_KEYS = 1000


def end_of(prefix: bytes) -> bytes:
    """
    Return the first key behind all that begin with ``prefix``.

    Args:
        prefix: ends in a character of ASCII, as a slash.
    """
    return prefix[:-1] + bytes((prefix[-1] + 1,))


class Listing:
    """
    Asks for the keys under one prefix.

    Args:
        prefix: ends in a slash.
        keys_only: the values are not needed.
    """

    def __init__(self, session: EtcdSession, prefix: bytes, *, keys_only: bool) -> None:
        self._session = session
        self._keys_only = keys_only
        self._prefix = prefix
        self._end = end_of(prefix)
        self._page_keys = _PAGE_KEYS

    async def count(self, revision: int = 0) -> int:
        """
        Return how many keys there were at ``revision``; 0: are now.

        Raises:
            CallError: etcd did not answer, or refused.
        """
        request = message(
            "RangeRequest",
            key=self._prefix,
            range_end=self._end,
            revision=revision,
            count_only=True,
        )
        reply = await self._session.call(RANGE, request)
        return int(reply.count)

    async def read(self, put: Callable[[Any], None], most: int) -> int:
        """
        Hand every key, and its value if it is needed, to ``put``, all as they were at one revision.

        Args:
            most: of keys; no page is read once there are so many.

        Returns:
            The revision.

        Raises:
            CallError: etcd did not answer, or refused.
        """
        page = await self._page(self._prefix, 0)
        revision = int(page.header.revision)
        count = 0
        while True:
            for kv in page.kvs:
                put(kv)
            count += len(page.kvs)
            if not page.more or not page.kvs or count >= most:
                return revision
            page = await self._page(page.kvs[-1].key + b"\0", revision)

    async def _page(self, start: bytes, revision: int) -> Any:
        while True:
            request = message(
                "RangeRequest",
                key=start,
                range_end=self._end,
                limit=self._page_keys,
                revision=revision,
                keys_only=self._keys_only,
            )
            try:
                return await self._session.call(RANGE, request)
            except CallError as error:
                if error.status is not Status.RESOURCE_EXHAUSTED or self._page_keys == 1:
                    raise
            self._page_keys = max(1, self._page_keys // 4)
