"""
Where Dubbo keeps what belongs to the application level.
"""

from __future__ import annotations

from attrs import frozen

from rpcfw_registries.remote.paths import encoded
from rpcfw_registries.remote.store import Key

__all__ = ["SERVICES", "ApplicationPaths"]

#: Under which the instances of all applications are, whatever the root of Dubbo is.
SERVICES = "/services"


@frozen
class ApplicationPaths:
    """
    Keys of records: the folder, and the path below it.

    Args:
        root: path under which mapping and metadata are, as ``/dubbo``.
    """

    root: str

    @property
    def mapping(self) -> str:
        """
        The folder of the mappings.
        """
        return f"{self.root}/mapping"

    @property
    def metadata(self) -> str:
        """
        The folder of the metadata.
        """
        return f"{self.root}/metadata"

    def of_mapping(self, service: str) -> Key:
        """
        Return where the applications of a service are.
        """
        return self.mapping, encoded(service)

    def of_metadata(self, application: str, revision: str) -> Key:
        """
        Return where the metadata of a revision is.
        """
        return self.metadata, f"{application}/{revision}"

    def of_node(self, application: str, authority: str) -> Key:
        """
        Return where an instance of an application is.
        """
        return SERVICES, f"{application}/{authority}"
