"""
Triple as a wire protocol. On a port it stands in the place of ``grpc``, which it includes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfw.spi.machine import ClientSide, Limits, ServerSide
from rpcfw.spi.plugin import PluginContext
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_dubbo.protocol import DubboOptions
from rpcfw_grpc.protocol import GRPCProtocol
from rpcfw_triple.client import TripleClient
from rpcfw_triple.request_heads import RequestHeads
from rpcfw_triple.request_parser import TripleParser
from rpcfw_triple.server import TripleServer
from rpcfw_triple.wrapped_requests import CODEC, GENERIC_CODEC, WrappedRequests

__all__ = ["TripleProtocol"]

#: The group or version that each instance has.
_ANY = "*"


class TripleProtocol(GRPCProtocol):
    """
    gRPC, and calls of Java methods without Protobuf, as Apache Dubbo 3 makes them.
    """

    name: ClassVar[str] = "tri"
    includes: ClassVar[tuple[str, ...]] = ("grpc",)
    codec: ClassVar[str] = CODEC
    other_codecs: ClassVar[tuple[str, ...]] = (GENERIC_CODEC,)
    Options: ClassVar[type] = DubboOptions

    def __init__(self, options: DubboOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        facts = ("group", "version")
        self.instance_metadata = tuple(name for name in facts if getattr(options, name) == _ANY)
        self._parameters = ParameterTable(options.new_schema)

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        requests = WrappedRequests(self._parameters, limits.max_header_bytes)
        return TripleServer(limits, accepts, TripleParser(limits, accepts, requests))

    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        *,
        authority: str = "",
        secure: bool = False,
    ) -> ClientSide:
        given: Any = self.options
        caller = self.plugin_context.application
        group, version = ("" if text == _ANY else text for text in (given.group, given.version))
        scheme = "https" if secure else "http"
        heads = RequestHeads(caller, group, version)
        return TripleClient(limits, accepts, authority or "localhost", scheme, caller, heads)
