"""
Dubbo as a wire protocol: chosen by name, or by the magic number of its frames.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.spi.http1_refusal import http1_refusal
from rpcfw.spi.machine import ClientSide, Limits, ServerSide
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.protocol import Match, WireProtocol
from rpcfw_dubbo.client import ClientMachine
from rpcfw_dubbo.frames import MAGIC_BYTES
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_dubbo.request_decoder import RequestDecoder
from rpcfw_dubbo.request_encoder import RequestEncoder
from rpcfw_dubbo.request_heads import CODEC, GENERIC_CODEC
from rpcfw_dubbo.server import ServerMachine
from rpcfw_hessian.codec import Hessian2Options

__all__ = ["DubboOptions", "DubboProtocol"]

#: What people type into the port of a Dubbo provider.
_COMMANDS = tuple(
    f"{command}{end}".encode()
    for command in ("ls", "invoke", "help", "ps", "cd", "pwd", "status", "trace", "count")
    for end in " \r\n"
)

#: The group or version that each instance has.
_ANY = "*"


@options
class DubboOptions(Hessian2Options):
    """
    What consumers ask for, and the options of Hessian 2.
    """

    group: str = option(
        "", "group of the services that are called; empty: none; *: that of the chosen instance"
    )
    version: str = option("", "version of the services that are called; empty and *: as for group")


class DubboProtocol(WireProtocol):
    """
    Apache Dubbo's own protocol, with Hessian 2.
    """

    name: ClassVar[str] = "dubbo"
    codec: ClassVar[str] = CODEC
    other_codecs: ClassVar[tuple[str, ...]] = (GENERIC_CODEC,)
    Options: ClassVar[type] = DubboOptions

    def __init__(self, options: DubboOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        facts = ("group", "version")
        self.instance_metadata = tuple(name for name in facts if getattr(options, name) == _ANY)
        self._parameters = ParameterTable(options.new_schema)
        group, version = ("" if text == _ANY else text for text in (options.group, options.version))
        #: For all connections: each would keep as many heads, of which a process may have some
        #: hundred kilobytes, if its calls have many different timeouts.
        self._encoder = RequestEncoder(plugin_context.application, group, version)
        self._replies = options.new_general_schema()

    def match(self, data: bytes) -> Match:
        head = data[:2]
        if head == MAGIC_BYTES:
            return Match.YES
        return Match.MORE if MAGIC_BYTES.startswith(head) else Match.NO

    def refusal(self, data: bytes, reason: str) -> bytes | Match:
        if data.startswith(_COMMANDS):
            # Nobody but a person begins so; to others on the port no line of text is sent.
            hint = "For ls and invoke, add telnet to [server] protocols; or use: rpcfw call"
            return f"{reason}\n{hint}\n".encode()
        answer = http1_refusal(data, reason)
        may_be_one = any(command.startswith(data) for command in _COMMANDS)
        return Match.MORE if answer is Match.NO and may_be_one else answer

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        return ServerMachine(limits, RequestDecoder(self._parameters, limits.max_header_bytes))

    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        *,
        authority: str = "",
        secure: bool = False,
    ) -> ClientSide:
        return ClientMachine(limits, self._encoder, self._replies)
