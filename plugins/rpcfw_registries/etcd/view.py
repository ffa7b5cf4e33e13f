"""
The instances of one service, put together from the keys and events of etcd.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from rpcfw.printable import printable
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance
from rpcfw_registries.etcd.messages import EVENT_DELETE
from rpcfw_registries.layouts.layout import Layout

__all__ = ["MAX_KEYS", "View"]

#: Of one service: more than anybody has, and less than hurts.
MAX_KEYS = 200_000
#: So much of a key that is left out is in the log.
_MAX_SHOWN_CHARS = 500


@define(eq=False)
class View:
    """
    What stood under a prefix at one revision.

    Args:
        service: full name of the service.
        prefix: of its keys, with a slash at the end.
        layout: reads them.
        log: for keys that cannot be read.

    Attributes:
        revision: everything up to it has been seen; None: nothing has.
    """

    service: str
    prefix: bytes
    layout: Layout
    log: LimitedLog
    revision: int | None = None
    _keys: dict[bytes, Instance | None] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._keys)

    def instances(self) -> Iterable[Instance]:
        """
        Return those that can be called, of two with the same id the one that was started later.
        """
        newest: dict[str, Instance] = {}
        for instance in self._keys.values():
            if instance is None:
                continue
            other = newest.get(instance.id)
            if other is None or other.started_at <= instance.started_at:
                newest[instance.id] = instance
        return newest.values()

    def put(self, kv: Any) -> None:
        """
        Take one key and its value.
        """
        if kv.key in self._keys or len(self._keys) < MAX_KEYS:
            self._keys[kv.key] = self._read(kv)
        else:
            self._warn(
                "too many", f"{self.service} has more than {MAX_KEYS} keys; the rest is left out"
            )

    def apply(self, event: Any) -> None:
        """
        Take one change.
        """
        if not event.kv.key.startswith(self.prefix):
            return
        if event.type == EVENT_DELETE:
            self._keys.pop(event.kv.key, None)
        else:
            self.put(event.kv)

    def _read(self, kv: Any) -> Instance | None:
        name = kv.key[len(self.prefix) :]
        try:
            if b"/" in name:
                raise ValueError("expected no further slash")
            return self.layout.instance(self.service, name.decode(), kv.value)
        except ValueError as error:
            shown = printable(
                kv.key[: len(self.prefix) + _MAX_SHOWN_CHARS].decode(errors="replace")
            )
            self._warn("unreadable", f"{shown} is left out: {error}")
            return None

    def _warn(self, kind: str, what: str) -> None:
        self.log.warn_of(kind, "{what}", what=what)
