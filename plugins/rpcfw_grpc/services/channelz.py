"""
grpc.channelz.v1: the server with its connections, and the channels of the process.

A channel is a service that this process calls, a subchannel one instance of it. What
is counted nowhere, as single messages and windows, is left empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NoReturn

from rpcfw.errors import ApplicationError
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import Inspection
from rpcfw.spi.options import option, options
from rpcfw.spi.service import Service
from rpcfw.status import Status
from rpcfw_grpc.services.channelz_messages import SCHEMA, SERVER_ID, Kind, Messages

__all__ = ["SCHEMA", "ChannelzService", "GRPCChannelz"]


@options
class ChannelzOptions:
    """
    What the INI may say.
    """

    max_results: int = option("100", "maximum number of entries in one response")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find a limit that leaves nothing to answer.
        """
        if self.max_results < 1:
            yield "max_results", f"must be at least 1, not {self.max_results}"


class GRPCChannelz(BuiltinService):
    """
    gRPC's channelz: the server's connections, the client's channels, and their calls.
    """

    Options: ClassVar[type] = ChannelzOptions

    def services(self, inspection: Inspection) -> Sequence[Service]:
        around = self.plugin_context
        messages = Messages(around.clock.seconds, around.time_of_day)
        return [ChannelzService(inspection, messages, around.application, self.options.max_results)]


class ChannelzService(Service, name=SCHEMA.name("Channelz")):
    """
    Answers about one process.

    Args:
        inspection: it.
        messages: the message classes of the response.
        application: its name.
        most: entries of one answer.
    """

    def __init__(
        self, inspection: Inspection, messages: Messages, application: str, most: int
    ) -> None:
        self._inspection = inspection
        self._messages = messages
        self._application = application
        self._max = most

    # The server.

    @SCHEMA.rpc("Channelz", "GetServers")
    async def get_servers(self, request: Any) -> Any:
        servers = [self._server()] if request.start_server_id <= SERVER_ID else []
        return SCHEMA.message("GetServersResponse")(server=servers, end=True)

    @SCHEMA.rpc("Channelz", "GetServer")
    async def get_server(self, request: Any) -> Any:
        _check_server(request.server_id)
        return SCHEMA.message("GetServerResponse")(server=self._server())

    @SCHEMA.rpc("Channelz", "GetServerSockets")
    async def get_server_sockets(self, request: Any) -> Any:
        _check_server(request.server_id)
        refs = self._messages.refs(self._inspection.connections(), Kind.ACCEPTED)
        found = [each for each in refs if each.socket_id >= request.start_socket_id]
        most = self._page(request)
        response = SCHEMA.message("GetServerSocketsResponse")
        return response(socket_ref=found[:most], end=len(found) <= most)

    # Channels.

    @SCHEMA.rpc("Channelz", "GetTopChannels")
    async def get_top_channels(self, request: Any) -> Any:
        found = [
            each
            for each in self._inspection.clients.services()
            if Kind.CHANNEL.id(each.id) >= request.start_channel_id
        ]
        most = self._page(request)
        response = SCHEMA.message("GetTopChannelsResponse")
        channels = [self._messages.channel(each) for each in found[:most]]
        return response(channel=channels, end=len(found) <= most)

    @SCHEMA.rpc("Channelz", "GetChannel")
    async def get_channel(self, request: Any) -> Any:
        number, kind = Kind.split(request.channel_id)
        found = self._inspection.clients.service(number) if kind == Kind.CHANNEL else None
        if found is None:
            _refuse("channel", request.channel_id)
        return SCHEMA.message("GetChannelResponse")(channel=self._messages.channel(found))

    @SCHEMA.rpc("Channelz", "GetSubchannel")
    async def get_subchannel(self, request: Any) -> Any:
        number, kind = Kind.split(request.subchannel_id)
        found = self._inspection.clients.node(number) if kind == Kind.SUBCHANNEL else None
        if found is None:
            _refuse("subchannel", request.subchannel_id)
        response = SCHEMA.message("GetSubchannelResponse")
        return response(subchannel=self._messages.subchannel(found))

    # Of both.

    @SCHEMA.rpc("Channelz", "GetSocket")
    async def get_socket(self, request: Any) -> Any:
        socket = self._socket(request.socket_id)
        if socket is None:
            _refuse("socket", request.socket_id)
        return SCHEMA.message("GetSocketResponse")(socket=socket)

    def _socket(self, id: int) -> Any:
        inspection, (number, kind) = self._inspection, Kind.split(id)
        if kind == Kind.ACCEPTED:
            for each in inspection.connections():
                if each.id == number:
                    return self._messages.socket(each, Kind.ACCEPTED)
        elif kind == Kind.MADE:
            made = inspection.clients.connection(number)
            return None if made is None else self._messages.socket(made, Kind.MADE)
        elif kind == Kind.PORT and 0 <= number < len(inspection.addresses):
            return self._messages.port(id, inspection.addresses[number])
        return None

    def _server(self) -> Any:
        return self._messages.server(self._inspection, self._application)

    def _page(self, request: Any) -> int:
        asked: int = request.max_results
        return min(asked, self._max) if asked > 0 else self._max


def _check_server(server_id: int) -> None:
    if server_id != SERVER_ID:
        _refuse("server", server_id)


def _refuse(kind: str, id: int) -> NoReturn:
    raise ApplicationError(Status.NOT_FOUND, f"no {kind} here has the id {id}")
