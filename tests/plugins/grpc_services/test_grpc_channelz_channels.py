"""
grpc.channelz.v1: what a process tells of its own calls to others.
"""

from __future__ import annotations

from typing import Any

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw_grpc.services.channelz import SCHEMA, ChannelzService
from tests.plugins.grpc_services.case import Plain, ServicesCase

IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN = range(1, 6)


class ChannelsTest(ServicesCase):
    """
    The provider is asked, and it calls itself.
    """

    # A place of its own: one that was watched goes only with the next garbage collection.
    server_sets = ("client.protocols=grpc", "retry.plugin=never", "registry.name=channelz")

    def ask(self, method_name: str, **fields: Any) -> Any:
        request = SCHEMA.message(f"{method_name}Request")(**fields)
        return self.call(ChannelzService, method_name, request)

    def refused(self, method_name: str, **fields: Any) -> Status:
        request = SCHEMA.message(f"{method_name}Request")(**fields)
        return self.failed(ChannelzService, method_name, request).status

    def say(self, name: str) -> None:
        calling = spawn(self.provider.client(Plain).say(name))
        self.turn(calling)
        calling.addErrback(lambda failure: None)
        self.successResultOf(calling)

    def channel(self) -> Any:
        (channel,) = self.ask("GetTopChannels").channel
        return channel

    def subchannel(self) -> Any:
        (ref,) = self.channel().subchannel_ref
        return self.ask("GetSubchannel", subchannel_id=ref.subchannel_id).subchannel

    def test_who_calls_nobody_has_no_channels(self) -> None:
        """
        No channel is made by looking for one.
        """
        answer = self.ask("GetTopChannels")

        assert (0, True) == (len(answer.channel), answer.end)

    def test_a_channel_is_a_service_that_is_called(self) -> None:
        """
        Its calls are counted by their ends, and it is as ready as its nodes.
        """
        self.clock.advance(1000)
        for name in ("a", "", "b"):
            self.say(name)
        assert 1 == len(self.flushLoggedErrors(ValueError))

        channel = self.channel()
        data = channel.data

        assert ("demo.Plain", "demo.Plain") == (channel.ref.name, data.target)
        assert READY == data.state.state
        assert (3, 2, 1) == (data.calls_started, data.calls_succeeded, data.calls_failed)
        assert 1000 <= data.trace.creation_timestamp.seconds
        assert 1000 <= data.last_call_started_timestamp.seconds
        assert channel == self.ask("GetChannel", channel_id=channel.ref.channel_id).channel

    def test_a_subchannel_is_a_node(self) -> None:
        """
        It has the address of an instance, its calls, and the sockets that they went over.
        """
        self.clock.advance(1000)
        for name in ("a", "", "b"):
            self.say(name)
        assert 1 == len(self.flushLoggedErrors(ValueError))

        subchannel = self.subchannel()
        data = subchannel.data
        (ref,) = subchannel.socket_ref
        socket = self.ask("GetSocket", socket_id=ref.socket_id).socket

        assert ("memory:a", READY) == (data.target, data.state.state)
        assert (3, 2, 1) == (data.calls_started, data.calls_succeeded, data.calls_failed)
        assert 1000 <= data.trace.creation_timestamp.seconds
        counted = socket.data
        assert 3 == counted.streams_started
        assert (2, 1) == (counted.streams_succeeded, counted.streams_failed)
        assert ("protocol", "grpc") == (counted.option[0].name, counted.option[0].value)

    def test_ids_stay(self) -> None:
        """
        What was shown once is found under the same ids.
        """
        self.say("a")
        before, below = self.channel(), self.subchannel()
        self.say("b")

        assert before.ref == self.channel().ref
        assert before.subchannel_ref == self.channel().subchannel_ref
        assert below.ref == self.subchannel().ref
        assert below.socket_ref == self.subchannel().socket_ref
        assert below.ref == before.subchannel_ref[0]

    def test_ids_of_another_kind(self) -> None:
        """
        No two kinds share an id, so what is asked of the wrong kind is not found.
        """
        self.say("a")
        channel, subchannel = self.channel(), self.subchannel()
        ids = {
            1,
            channel.ref.channel_id,
            subchannel.ref.subchannel_id,
            subchannel.socket_ref[0].socket_id,
            *(each.socket_id for each in self.ask("GetServerSockets", server_id=1).socket_ref),
        }

        # Two are open to the server: this asker's, and that of the process's own calls.
        assert 1 + 3 + 2 <= len(ids)
        for each in ids - {channel.ref.channel_id}:
            assert Status.NOT_FOUND is self.refused("GetChannel", channel_id=each)
        for each in ids - {subchannel.ref.subchannel_id}:
            assert Status.NOT_FOUND is self.refused("GetSubchannel", subchannel_id=each)

    def test_pages(self) -> None:
        """
        Channels come by ascending ids, from the one asked for on, as many as asked for.
        """
        for name in ("demo.A", "demo.B", "demo.C"):
            self.provider.channel(name)
        first = self.ask("GetTopChannels", max_results=2)
        after = first.channel[-1].ref.channel_id + 1
        rest = self.ask("GetTopChannels", max_results=2, start_channel_id=after)
        past = rest.channel[-1].ref.channel_id + 1

        assert ["demo.A", "demo.B"] == [each.data.target for each in first.channel]
        assert not first.end
        assert ["demo.C"] == [each.data.target for each in rest.channel]
        assert rest.end
        assert self.ask("GetTopChannels", start_channel_id=past).end

    def test_nowhere_to_call(self) -> None:
        """
        A service that nobody announces is in TRANSIENT_FAILURE.
        """
        self.provider.channel("demo.Nobody")
        self.turn(turns=20)

        assert TRANSIENT_FAILURE == self.channel().data.state.state

    def test_what_is_not_known_is_empty_but_there(self) -> None:
        """
        Tools read times, traces and windows unasked, so that none may be missing.
        """
        self.say("a")
        channel, subchannel = self.channel(), self.subchannel()
        socket = self.ask("GetSocket", socket_id=subchannel.socket_ref[0].socket_id).socket
        (server,) = self.ask("GetServers").server
        port = self.ask("GetSocket", socket_id=server.listen_socket[0].socket_id).socket
        assert server.data.HasField("last_call_started_timestamp")
        for data in (channel.data, subchannel.data):
            assert data.HasField("last_call_started_timestamp")
            assert data.trace.HasField("creation_timestamp")
        for each in (socket, port):
            assert each.HasField("local")
            for name in ("local_flow_control_window", "remote_flow_control_window"):
                assert each.data.HasField(name)
            for name in ("local_stream_created", "remote_stream_created"):
                assert each.data.HasField(f"last_{name}_timestamp")
            for name in ("message_sent", "message_received"):
                assert each.data.HasField(f"last_{name}_timestamp")
