"""
What an application does for its plugins.
"""

from __future__ import annotations

import threading
from typing import ClassVar

import pytest

from rpcfw.errors import ContractError, NoInstances, SetupError
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.spi.service_class import offered
from rpcfw.testing.lab import Lab
from rpcfw.values.address import Address
from rpcfw_balancers.round_robin import RoundRobin
from tests.lab.services import Greeter


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


def test_a_plugins_own_channel(lab):
    """
    A plugin gets a channel to an address, without a registry, and closes it.
    """
    lab.serve(Greeter(), name="a")
    process = lab.consumer("client.insert=", name="plugin")
    open_channel = process.application.runtime.plugin_context.open_channel
    channel = open_channel(Address.parse("memory:a"), "native")
    (say,) = [one.method for one in offered(Greeter) if one.method.name == "say"]
    lab.registry.leave()
    assert "hello bob" == lab.run(channel.call(say, say.request_type("bob")))
    lab.run(channel.close())


def test_calls_while_it_starts(lab):
    """
    A call that is made amid the start waits for it, however late its client was asked for.
    """
    lab.serve(Greeter())
    application = lab.process("early").application
    application.runtime.protocol("native").start = lambda: sleep(lab.clock, 1)
    early = application.client(Greeter)
    with pytest.raises(NoInstances, match="has not been started"):
        lab.run(early.say("bob"))
    starting = lab.begin(application.start())
    calls = [lab.begin(early.say("bob")), lab.begin(application.client(Greeter).say("eve"))]
    assert not any(each.done for each in (starting, *calls))
    assert ["hello bob", "hello eve"] == [lab.finish(each) for each in calls]
    lab.finish(starting)


def test_calls_while_it_fails_to_start(lab):
    """
    A start that does not come about ends the calls that waited for it.
    """

    async def broken():
        await sleep(lab.clock, 1)
        raise OSError("no way")

    application = lab.process("broken").application
    application.runtime.protocol("native").start = broken
    starting = lab.begin(application.start())
    late = application.client(Greeter)
    call = lab.begin(late.say("bob"))
    with pytest.raises(SetupError, match="no way"):
        lab.finish(starting)
    with pytest.raises(NoInstances, match="has not been started"):
        lab.finish(call)


def test_only_services_have_clients(lab):
    """
    A client of anything but a service class or a stub class is refused.
    """
    with pytest.raises(ContractError, match="neither"):
        lab.consumer().application.client(Address)


def test_a_channel_is_made_once(lab):
    """
    However often a service is asked for, its connections are shared.
    """
    application = lab.consumer().application
    assert application.channel("demo.Greeter") is application.channel("demo.Greeter")
    assert 1 == len(application.clients)


class Interrupted(RoundRobin):
    """
    A client's balancer; something else happens while it is made.
    """

    meanwhile: ClassVar[list] = []

    def __init__(self, options, plugin_context):
        super().__init__(options, plugin_context)
        while self.meanwhile:
            self.meanwhile.pop()()


def test_a_client_that_two_threads_ask_for(lab):
    """
    Threads that ask for a service at once get the same client, and there is no other.
    """
    lab.serve(Greeter())
    application = lab.consumer(
        f"plugins.balancers.interrupted={__name__}:Interrupted", "balancer.plugin=interrupted"
    ).application
    found = []

    def ask():
        found.append(application.channel("demo.Greeter"))

    def ask_in_a_thread():
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    Interrupted.meanwhile.append(ask_in_a_thread)
    ask()
    assert found[0] is found[1]
    assert 1 == len(application.clients)
