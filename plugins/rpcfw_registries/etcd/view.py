"""
The instances of one service, put together from the keys and events of etcd.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field

from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance, instance_from_json
from rpcfw_registries.etcd.messages import EVENT_DELETE
from rpcfw_registries.remote.paths import encoded

__all__ = ["MAX_KEYS", "View"]

#: Of one service: more than anybody has, and less than hurts.
MAX_KEYS = 200_000


@define(eq=False)
class View:
    """
    What stood under a prefix at one revision.

    Args:
        service: full name of the service.
        prefix: of its keys, with a slash at the end.
        log: for records that cannot be decoded.

    Attributes:
        revision: everything up to it has been seen; None: nothing has.
    """

    service: str
    prefix: bytes
    log: LimitedLog
    revision: int | None = None
    _keys: dict[bytes, Instance | None] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._keys)

    def instances(self) -> Iterator[Instance]:
        """
        Return those that could be read.
        """
        return (instance for instance in self._keys.values() if instance is not None)

    def put(self, kv: Any) -> None:
        """
        Take one key and its value.
        """
        if kv.key in self._keys or len(self._keys) < MAX_KEYS:
            self._keys[kv.key] = self._read(kv)
        else:
            self._warn(f"{self.service} has more than {MAX_KEYS} keys; the rest is left out")

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
        name = kv.key[len(self.prefix) :].decode(errors="replace")
        try:
            instance = instance_from_json(kv.value)
            if instance.service != self.service:
                raise ValueError(f"it is a record of the service {instance.service!r}")
            # So no two keys have the same id, nor does one need to be read to find it.
            if encoded(instance.id) != name:
                raise ValueError(f"the key of this record ends in /{encoded(instance.id)}")
        except ValueError as error:
            self._warn(f"{self.prefix.decode()}{name} is left out: {error}")
            return None
        return instance

    def _warn(self, what: str) -> None:
        self.log.warn_of(what, "{what}", what=what)
