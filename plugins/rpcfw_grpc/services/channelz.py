"""
grpc.channelz.v1: the server, its ports and its connections, with their calls.

What is not kept here, as times of day and windows, is left empty. Of channels, which
are a client's, there are none. Ids: the server has 1, ports have even numbers,
connections odd ones from 3 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, ClassVar, NoReturn

from rpcfw.errors import ApplicationError, SettingsError
from rpcfw.spi.builtin import BuiltinService
from rpcfw.spi.inspection import Connection, Inspection
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Surroundings
from rpcfw.spi.service import Service
from rpcfw.status import Status
from rpcfw.values.address import Address
from rpcfw_grpc.services.channelz_text import CHANNELZ
from rpcfw_grpc.services.schema import Schema

__all__ = ["ChannelzService", "GRPCChannelz"]

SCHEMA = Schema("grpc/channelz/v1/channelz.proto", CHANNELZ)

_Address = SCHEMA.message("Address")
_Server = SCHEMA.message("Server")
_Socket = SCHEMA.message("Socket")
_SocketRef = SCHEMA.message("SocketRef")

_SERVER_ID = 1


@options
class ChannelzOptions:
    """
    What the INI may say.
    """

    max_results: int = option("100", "entries of one answer, whatever the caller asks for")


class GRPCChannelz(BuiltinService):
    """
    gRPC's channelz: the server's connections and their calls.
    """

    Options: ClassVar[type] = ChannelzOptions

    def __init__(self, options: ChannelzOptions, surroundings: Surroundings) -> None:
        super().__init__(options, surroundings)
        if options.max_results < 1:
            raise SettingsError(
                f"service grpc_channelz: max_results is at least 1, not {options.max_results}"
            )

    def services(self, inspection: Inspection) -> Sequence[Service]:
        name = self.surroundings.application
        return [ChannelzService(inspection, name, self.options.max_results)]


class ChannelzService(Service, name=SCHEMA.name("Channelz")):
    """
    Answers about one server.

    Args:
        inspection: the server.
        application: its name.
        most: entries of one answer.
    """

    def __init__(self, inspection: Inspection, application: str, most: int) -> None:
        self._inspection = inspection
        self._application = application
        self._most = most

    # The server.

    @SCHEMA.rpc("Channelz", "GetServers")
    async def get_servers(self, request: Any) -> Any:
        servers = [self._server()] if request.start_server_id <= _SERVER_ID else []
        return SCHEMA.message("GetServersResponse")(server=servers, end=True)

    @SCHEMA.rpc("Channelz", "GetServer")
    async def get_server(self, request: Any) -> Any:
        _check_server(request.server_id)
        return SCHEMA.message("GetServerResponse")(server=self._server())

    @SCHEMA.rpc("Channelz", "GetServerSockets")
    async def get_server_sockets(self, request: Any) -> Any:
        _check_server(request.server_id)
        most = min(request.max_results, self._most) if request.max_results > 0 else self._most
        found = [
            _SocketRef(socket_id=_socket_id(each), name=each.peer)
            for each in self._inspection.connections()
            if _socket_id(each) >= request.start_socket_id
        ]
        response = SCHEMA.message("GetServerSocketsResponse")
        return response(socket_ref=found[:most], end=len(found) <= most)

    @SCHEMA.rpc("Channelz", "GetSocket")
    async def get_socket(self, request: Any) -> Any:
        response = SCHEMA.message("GetSocketResponse")
        for each in self._inspection.connections():
            if _socket_id(each) == request.socket_id:
                return response(socket=_connection(each))
        for number, address in enumerate(self._inspection.addresses):
            if _port_id(number) == request.socket_id:
                ref = _SocketRef(socket_id=request.socket_id, name=str(address))
                return response(socket=_Socket(ref=ref, local=_local(address)))
        return _refuse("socket", request.socket_id)

    # Channels.

    @SCHEMA.rpc("Channelz", "GetTopChannels")
    async def get_top_channels(self, request: Any) -> Any:
        return SCHEMA.message("GetTopChannelsResponse")(end=True)

    @SCHEMA.rpc("Channelz", "GetChannel")
    async def get_channel(self, request: Any) -> Any:
        _refuse("channel", request.channel_id)

    @SCHEMA.rpc("Channelz", "GetSubchannel")
    async def get_subchannel(self, request: Any) -> Any:
        _refuse("subchannel", request.subchannel_id)

    def _server(self) -> Any:
        inspection = self._inspection
        server = _Server()
        server.ref.server_id = _SERVER_ID
        server.ref.name = self._application
        calls = inspection.calls
        server.data.calls_started = calls.started
        server.data.calls_succeeded = calls.succeeded
        server.data.calls_failed = calls.failed
        for number, address in enumerate(inspection.addresses):
            server.listen_socket.add(socket_id=_port_id(number), name=str(address))
        return server


def _port_id(number: int) -> int:
    return 2 * (number + 1)


def _socket_id(connection: Connection) -> int:
    return 2 * connection.id + 1


def _connection(connection: Connection) -> Any:
    socket = _Socket(remote=_remote(connection.peer), remote_name=connection.peer)
    socket.ref.socket_id = _socket_id(connection)
    socket.ref.name = connection.peer
    calls = connection.calls
    socket.data.streams_started = calls.started
    socket.data.streams_succeeded = calls.succeeded
    socket.data.streams_failed = calls.failed
    socket.data.option.add(name="protocol", value=connection.protocol)
    return socket


def _local(address: Address) -> Any:
    if address.scheme == "unix":
        return _Address(uds_address={"filename": address.host})
    if address.scheme == "memory":
        return _Address(other_address={"name": str(address)})
    return _remote(f"{address.host}:{address.port}")


def _remote(text: str) -> Any:
    host, _, port = text.rpartition(":")
    try:
        packed = ip_address(host.strip("[]")).packed
        return _Address(tcpip_address={"ip_address": packed, "port": int(port)})
    except ValueError:
        return _Address(other_address={"name": text})


def _check_server(server_id: int) -> None:
    if server_id != _SERVER_ID:
        _refuse("server", server_id)


def _refuse(kind: str, number: int) -> NoReturn:
    raise ApplicationError(Status.NOT_FOUND, f"no {kind} here has the id {number}")
