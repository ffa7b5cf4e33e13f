"""
How instances are kept in a tree of names, ZooKeeper's znodes or etcd's keys, and read from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from attrs import frozen

from rpcfw.values.instance import Instance
from rpcfw_registries.remote.store import Key

__all__ = ["Layout", "Place"]


@frozen
class Place:
    """
    Where a record is kept.

    Args:
        path: of its node.
        data: of the node. Empty if the layout does not read it.
    """

    path: str
    data: bytes


class Layout(ABC):
    """
    Turns instances into nodes, and nodes into instances.

    The nodes of a service are the children of one folder. ZooKeeper's registry watches only the
    list of their names, so its layouts change the name of a node with what it says.
    """

    #: Whether the data of a node must be read. If not, its name says everything.
    reads_data: bool = True
    #: A longer record is refused.
    max_record_bytes: int

    @property
    @abstractmethod
    def root(self) -> str:
        """
        The path whose children are the services.
        """

    @property
    def lists(self) -> tuple[str, ...]:
        """
        The paths whose children are services, all together all services.
        """
        return (self.root,)

    @abstractmethod
    def folder(self, service: str) -> str:
        """
        Return the path whose children are the instances of a service.
        """

    @abstractmethod
    def service(self, name: str) -> str:
        """
        Return the service that a child of the root is; empty if it is none.
        """

    @abstractmethod
    def record(self, instance: Instance) -> bytes:
        """
        Return what is kept of an instance.

        Raises:
            RegistryError: this layout cannot keep it.
        """

    def further_records(self, instance: Instance) -> dict[str, bytes]:
        """
        Return what else is kept of an instance, each by a name without a slash.

        Raises:
            RegistryError: this layout cannot keep it.
        """
        return {}

    @abstractmethod
    def place(self, key: Key, record: bytes) -> Place:
        """
        Return where a record is kept.
        """

    @abstractmethod
    def instance(self, service: str, name: str, data: bytes) -> Instance | None:
        """
        Read a node of a service. None if it says that it must not be called.

        Args:
            name: of the node.
            data: of the node; empty if the layout does not read it.

        Raises:
            ValueError: it is no instance of the service. (Nothing from a registry is trusted.)
        """

    def fits(self, name: str, instance: Instance, data: bytes) -> bool:
        """
        Return whether the name of a node changes when its record does.
        """
        return True

    def consumer(self, service: str, host: str) -> bytes | None:
        """
        Return the record by which others see that a service is used here; None if there is none.

        Args:
            host: IP address of this process.
        """
        return None
