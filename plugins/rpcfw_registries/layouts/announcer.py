"""
The records of announced instances, of which a layout may keep several for each.
"""

from __future__ import annotations

from rpcfw.spi.runtime.together import together
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.remote.store import Key

__all__ = ["LayoutAnnouncer"]


class LayoutAnnouncer:
    """
    Announces instances as a layout keeps them.

    Args:
        records: keeps the records.
    """

    def __init__(self, records: Reconciler, layout: Layout) -> None:
        self._records = records
        self._layout = layout
        #: The names of the further records of instances that have any.
        self._further: dict[Key, frozenset[str]] = {}

    async def put(self, instance: Instance) -> None:
        """
        Keep an instance announced; return once it is.

        Raises:
            RegistryError: the layout cannot have it, or the registry refuses it.
        """
        further = self._layout.further_records(instance)
        gone = self._known(instance, further)
        await together(
            self._records.put(instance),
            *(self._records.put_record(_key(instance, name), further[name]) for name in further),
            *(self._records.remove_record(_key(instance, name)) for name in gone),
        )

    async def remove(self, instance: Instance) -> None:
        """
        Keep an instance announced no longer.
        """
        gone = self._known(instance, {})
        await together(
            self._records.remove(instance),
            *(self._records.remove_record(_key(instance, name)) for name in gone),
        )

    def _known(self, instance: Instance, further: dict[str, bytes]) -> frozenset[str]:
        """
        Remember which further records there are now; return those that there were before.
        """
        key = instance.service, instance.id
        before = self._further.pop(key, frozenset())
        if further:
            self._further[key] = frozenset(further)
        return before - further.keys()


def _key(instance: Instance, name: str) -> Key:
    # No instance has a slash in its id.
    return instance.service, f"{instance.id}/{name}"
