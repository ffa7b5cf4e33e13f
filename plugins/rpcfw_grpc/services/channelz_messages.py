"""
What is known of servers, channels and sockets, in the messages of grpc.channelz.v1.

Tools read times, traces and windows without asking whether they are there, so they
always are: empty where nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from ipaddress import ip_address
from typing import Any

from rpcfw.spi.inspection import (
    CalledNode,
    CalledService,
    Calls,
    Connection,
    Connectivity,
    Inspection,
)
from rpcfw.values.address import Address
from rpcfw_grpc.services.channelz_text import CHANNELZ
from rpcfw_grpc.services.schema import Schema

__all__ = ["SCHEMA", "SERVER_ID", "Kind", "Messages"]

SCHEMA = Schema("grpc/channelz/v1/channelz.proto", CHANNELZ)

_Address = SCHEMA.message("Address")

_STATES = {
    Connectivity.IDLE: 1,
    Connectivity.CONNECTING: 2,
    Connectivity.READY: 3,
    Connectivity.TRANSIENT_FAILURE: 4,
    Connectivity.SHUTDOWN: 5,
}


class Kind(IntEnum):
    """
    What an id is of: its last digit. So no two things have the same.
    """

    SERVER = 1
    PORT = 2
    ACCEPTED = 3
    CHANNEL = 4
    SUBCHANNEL = 5
    MADE = 6

    def id(self, number: int) -> int:
        """
        Return the id of the thing of this kind that has ``number`` in the process.
        """
        return 10 * number + self

    @staticmethod
    def split(id: int) -> tuple[int, int]:
        """
        Return the number and the last digit, which may be no kind.
        """
        return divmod(id, 10)


#: There is one.
SERVER_ID = Kind.SERVER.id(0)


class Messages:
    """
    Writes the messages of channelz.

    Args:
        seconds: the clock that things are dated by.
        time_of_day: seconds since 1970.
    """

    def __init__(self, seconds: Callable[[], float], time_of_day: Callable[[], float]) -> None:
        self._seconds = seconds
        self._time_of_day = time_of_day

    def server(self, inspection: Inspection, name: str) -> Any:
        server = SCHEMA.message("Server")()
        server.ref.server_id = SERVER_ID
        server.ref.name = name
        self._calls(server.data, inspection.calls, inspection.last_call_at)
        for number, address in enumerate(inspection.addresses):
            server.listen_socket.add(socket_id=Kind.PORT.id(number), name=str(address))
        return server

    def channel(self, service: CalledService) -> Any:
        channel = SCHEMA.message("Channel")()
        channel.ref.channel_id = Kind.CHANNEL.id(service.id)
        channel.ref.name = channel.data.target = service.name
        channel.data.state.state = _STATES[service.state]
        self._calls(channel.data, service.calls, service.last_call_at)
        self._date(channel.data.trace.creation_timestamp, service.created_at)
        for number, address in service.nodes:
            id = Kind.SUBCHANNEL.id(number)
            channel.subchannel_ref.add(subchannel_id=id, name=str(address))
        return channel

    def subchannel(self, node: CalledNode) -> Any:
        subchannel = SCHEMA.message("Subchannel")()
        subchannel.ref.subchannel_id = Kind.SUBCHANNEL.id(node.id)
        subchannel.ref.name = subchannel.data.target = str(node.address)
        subchannel.data.state.state = _STATES[node.state]
        self._calls(subchannel.data, node.calls, None)
        self._date(subchannel.data.trace.creation_timestamp, node.created_at)
        subchannel.socket_ref.extend(self.refs(node.connections, Kind.MADE))
        return subchannel

    def refs(self, connections: Iterable[Connection], kind: Kind) -> list[Any]:
        ref = SCHEMA.message("SocketRef")
        return [ref(socket_id=kind.id(each.id), name=each.peer) for each in connections]

    def socket(self, connection: Connection, kind: Kind) -> Any:
        socket = SCHEMA.message("Socket")(
            ref=self.refs([connection], kind)[0],
            local=_end(connection.local),
            remote=_end(connection.peer),
            remote_name=connection.peer,
        )
        data, calls = socket.data, connection.calls
        data.streams_started = calls.started
        data.streams_succeeded = calls.succeeded
        data.streams_failed = calls.failed
        data.option.add(name="protocol", value=connection.protocol)
        self._leave_empty(data)
        return socket

    def port(self, id: int, address: Address) -> Any:
        socket = SCHEMA.message("Socket")(local=_place(address))
        socket.ref.socket_id = id
        socket.ref.name = str(address)
        self._leave_empty(socket.data)
        return socket

    def _calls(self, data: Any, calls: Calls, last_at: float | None) -> None:
        data.calls_started = calls.started
        data.calls_succeeded = calls.succeeded
        data.calls_failed = calls.failed
        self._date(data.last_call_started_timestamp, last_at)

    def _date(self, timestamp: Any, at: float | None) -> None:
        timestamp.SetInParent()
        if at is not None:
            ago_s = self._seconds() - at
            timestamp.FromNanoseconds(int((self._time_of_day() - ago_s) * 1e9))

    def _leave_empty(self, data: Any) -> None:
        for each in (
            data.last_local_stream_created_timestamp,
            data.last_remote_stream_created_timestamp,
            data.last_message_sent_timestamp,
            data.last_message_received_timestamp,
            data.local_flow_control_window,
            data.remote_flow_control_window,
        ):
            each.SetInParent()


def _place(address: Address) -> Any:
    if address.scheme == "unix":
        return _Address(uds_address={"filename": address.host})
    if address.scheme == "memory":
        return _Address(other_address={"name": str(address)})
    return _end(address.authority)


def _end(text: str) -> Any:
    host, _, port = text.rpartition(":")
    try:
        packed = ip_address(host.strip("[]")).packed
        return _Address(tcpip_address={"ip_address": packed, "port": int(port)})
    except ValueError:
        return _Address(other_address={"name": text})
