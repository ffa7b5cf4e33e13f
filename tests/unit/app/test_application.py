"""
What an application does for its plugins.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import ContractError
from rpcfw.spi.service import offered
from rpcfw.testing.lab import Lab
from rpcfw.values.address import Address
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
    open_channel = process.application.ground.surroundings.open_channel
    channel = open_channel(Address.parse("memory:a"), "native")
    (say,) = [one.method for one in offered(Greeter) if one.method.name == "say"]
    lab.registry.leave()
    assert "hello bob" == lab.run(channel.call(say, say.request_type("bob")))
    lab.run(channel.close())


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
