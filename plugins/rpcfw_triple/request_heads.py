"""
The heads of requests that a client sends, with Triple's own fields.
"""

from __future__ import annotations

from typing import Final

from rpcfw.spi.events import RequestHead
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_dubbo.attachments import OF_DUBBO
from rpcfw_grpc.callers import write_caller
from rpcfw_triple.fields import without_fields

__all__ = ["PROTOBUF", "RequestHeads"]

#: What the content-type names, whatever is in the messages.
PROTOBUF: Final = "protobuf"
#: Metadata that says which service is called, and the fields that it becomes.
_FIELDS: Final = {"group": "tri-service-group", "version": "tri-service-version"}


class RequestHeads:
    """
    Makes the heads of one client's requests.

    Args:
        application: name of this application, which providers see; empty for none.
        group: group of the called services, empty for none.
        version: version of the called services, empty for none.
    """

    def __init__(self, application: str, group: str, version: str) -> None:
        self._caller = write_caller(application).decode()
        self._of_service = {"group": group, "version": version}
        self._usual = self._fields(self._of_service)

    def of(self, head: RequestHead, path: str) -> RequestHead:
        """
        Return what is sent for a head.

        Args:
            path: of the method, without Java types.
        """
        metadata = self._usual if head.metadata is EMPTY else self._metadata(head.metadata)
        # Not by `evolve`, which takes several times as long, for each call.
        return RequestHead(
            path, PROTOBUF, head.timeout_s, metadata, head.caller, head.one_way, head.accepts
        )

    def _metadata(self, metadata: Metadata) -> Metadata:
        own = self._of_service | {
            name: value
            for name, value in metadata.pairs
            if name in _FIELDS and isinstance(value, str)
        }
        # A provider in Java would take other names of Dubbo's, too, for its own.
        rest = tuple(pair for pair in metadata.pairs if pair[0] not in OF_DUBBO)
        return self._fields(own).plus(without_fields(Metadata(rest)))

    def _fields(self, of_service: dict[str, str]) -> Metadata:
        pairs = [(_FIELDS[name], value) for name, value in of_service.items() if value]
        if self._caller:
            pairs.append(("tri-consumer-appname", self._caller))
        return Metadata(tuple(pairs)) if pairs else EMPTY
