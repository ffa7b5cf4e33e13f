"""
grpc.channelz.v1: what a server tells of its connections and calls.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.inspection import Calls, Connection
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.contracts.builtin import BuiltinServiceContract, FixedInspection
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw_grpc.services.channelz import SCHEMA, ChannelzService, GRPCChannelz
from rpcfw_grpc.services.channelz_messages import Kind
from tests.plugins.grpc_services.case import Plain, ServicesCase


def channelz(**options: str) -> GRPCChannelz:
    return GRPCChannelz(options_of(GRPCChannelz.Options, **options), plugin_context())


class TestContract(BuiltinServiceContract):
    def make(self):
        return channelz()


def request(name: str, **fields: Any) -> Any:
    return SCHEMA.message(f"{name}Request")(**fields)


class ChannelzTest(ServicesCase):
    def ask(self, method_name: str, **fields: Any) -> Any:
        return self.call(ChannelzService, method_name, request(method_name, **fields))

    def refused(self, method_name: str, **fields: Any) -> Status:
        return self.failed(ChannelzService, method_name, request(method_name, **fields)).status

    def say(self, name: str) -> Any:
        calling = spawn(self.consumer.client(Plain).say(name))
        self.turn(calling)
        calling.addErrback(lambda failure: failure.value)
        return self.successResultOf(calling)

    def test_a_server_counts_its_calls(self) -> None:
        """
        Good and bad ends are told apart, over all connections; the call that asks is a good one.
        """
        for name in ("a", "b", ""):
            self.say(name)
        assert 1 == len(self.flushLoggedErrors(ValueError))

        (server,) = self.ask("GetServers").server

        data = server.data
        assert (4, 3, 1) == (data.calls_started, data.calls_succeeded, data.calls_failed)
        assert 1 == server.ref.server_id
        assert ["memory:a"] == [each.name for each in server.listen_socket]
        assert data.last_call_started_timestamp.ToNanoseconds() > 0
        assert server.ref == self.ask("GetServer", server_id=1).server.ref

    def test_a_socket_tells_of_its_calls(self) -> None:
        """
        Each connection has an id, under which its own calls are found.
        """
        self.say("a")
        self.ask("GetServers")
        listed = self.ask("GetServerSockets", server_id=1)
        assert listed.end
        sockets = [self.ask("GetSocket", socket_id=each.socket_id) for each in listed.socket_ref]

        assert ["grpc"] * 2 == [each.socket.data.option[0].value for each in sockets]
        # The second asked of the first, then of itself: with what came before, four.
        assert [1, 4] == [each.socket.data.streams_started for each in sockets]
        assert [1, 4] == [each.socket.data.streams_succeeded for each in sockets]

    def test_pages_of_sockets(self) -> None:
        """
        A page begins where it is asked to, and says whether it is the last.
        """
        self.say("a")
        first = self.ask("GetServerSockets", server_id=1, max_results=1)
        assert (1, False) == (len(first.socket_ref), first.end)

        after = first.socket_ref[0].socket_id + 1
        rest = self.ask("GetServerSockets", server_id=1, start_socket_id=after)
        assert (1, True) == (len(rest.socket_ref), rest.end)

    def test_ports_are_sockets(self) -> None:
        """
        A port's id leads to where it listens.
        """
        (server,) = self.ask("GetServers").server
        found = self.ask("GetSocket", socket_id=server.listen_socket[0].socket_id)

        assert "memory:a" == found.socket.local.other_address.name

    def test_what_is_not_there(self) -> None:
        """
        Unknown ids are NOT_FOUND, those of another kind and what was never one too.
        """
        assert Status.NOT_FOUND is self.refused("GetServer", server_id=2)
        assert Status.NOT_FOUND is self.refused("GetServerSockets", server_id=2)
        for id in (-8, -1, 0, 1, 12, 999, 9993, 9996):
            assert Status.NOT_FOUND is self.refused("GetSocket", socket_id=id)
        for id in (1, 4, 13, 14):
            assert Status.NOT_FOUND is self.refused("GetChannel", channel_id=id)
        for id in (1, 5, 15):
            assert Status.NOT_FOUND is self.refused("GetSubchannel", subchannel_id=id)
        assert self.ask("GetTopChannels").end
        assert [] == list(self.ask("GetServers", start_server_id=2).server)


class TestAddresses:
    def socket(self, peer: str) -> Any:
        connection = Connection(7, peer, "grpc", 0.0, Calls(3, 2, 1), peer)
        server = FixedInspection(connections=(connection,))
        (service,) = channelz().services(server)
        asking = service.get_socket(request("GetSocket", socket_id=Kind.ACCEPTED.id(7)))
        with pytest.raises(StopIteration) as stop:
            asking.send(None)
        return stop.value.value.socket

    def test_addresses_of_both_families(self) -> None:
        """
        IPv4 and IPv6 peers come as bytes and a number, others by name.
        """
        four = self.socket("10.0.0.1:99").remote.tcpip_address
        six = self.socket("[::1]:80").remote.tcpip_address

        assert (bytes([10, 0, 0, 1]), 99) == (four.ip_address, four.port)
        assert (bytes(15) + b"\x01", 80) == (six.ip_address, six.port)
        assert four == self.socket("10.0.0.1:99").local.tcpip_address
        assert "a local peer" == self.socket("a local peer").remote.other_address.name

    def test_unix_ports(self) -> None:
        """
        A port in the file system is told by its path.
        """
        server = FixedInspection(addresses=(Address.parse("unix:/run/x"),))
        (service,) = channelz().services(server)
        with pytest.raises(StopIteration) as stop:
            service.get_socket(request("GetSocket", socket_id=Kind.PORT.id(0))).send(None)
        assert "/run/x" == stop.value.value.socket.local.uds_address.filename


def test_a_page_has_an_entry() -> None:
    """
    A page of nothing would never end; it is refused as a setting.
    """
    with pytest.raises(SettingsError, match="max_results: must be at least 1"):
        channelz(max_results="0")
