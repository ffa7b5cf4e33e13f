"""
What clients do with a registry's word, and without it.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from rpcfw.errors import NoInstances
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.address import Address
from tests.lab.services import Greeter
from tests.lab.test_failover import Load, serve


def who(lab, client, times=40):
    return {lab.run(client.who()) for _ in range(times)}


def test_calls_go_on_without_a_registry(lab):
    """
    While the registry is away nothing fails, even as a known node dies.
    """
    greeters = [serve(lab, name) for name in "abc"]
    client = lab.client(Greeter)
    load = Load(lab, lambda: client.slow(0.05))
    lab.advance(1)
    lab.registry.leave()
    lab.advance(20)
    lab.kill(greeters[0].process)
    lab.advance(20)
    load.stop()
    assert [] == load.failed
    lab.forget(greeters[0].process)


def test_a_provider_starts_without_a_registry(lab):
    """
    A provider whose registry is away serves, and is announced once it is back.
    """
    lab.registry.leave()
    serve(lab, "a")
    assert () == lab.registry.services()
    lab.registry.come_back()
    assert "a" == lab.run(lab.client(Greeter).who())


def test_three_services_wait_no_longer_than_one(lab):
    """
    The start waits for an absent registry announce_timeout in all, and asks for every service.
    """

    class Second(Greeter, name="demo.Second"):
        pass

    class Third(Greeter, name="demo.Third"):
        pass

    lab.registry.leave()
    began = lab.clock.seconds()
    lab.serve(Greeter(), Second(), Third(), sets=["server.announce_timeout=2s"])
    assert 2 == pytest.approx(lab.clock.seconds() - began, abs=0.1)
    lab.registry.come_back()
    lab.advance(1)
    assert ("demo.Greeter", "demo.Second", "demo.Third") == lab.registry.services()


def test_additions_count_at_once(lab):
    """
    A new instance gets calls as soon as it is announced and connected.
    """
    serve(lab, "a")
    client = lab.client(Greeter)
    assert {"a"} == who(lab, client)
    serve(lab, "b")
    lab.advance(0.01)
    assert {"a", "b"} == who(lab, client)


def test_removals_wait_for_the_grace(lab):
    """
    An instance that the registry has lost stays in use for the grace, no longer.
    """
    greeters = [serve(lab, name) for name in "ab"]
    client = lab.client(Greeter)
    assert {"a", "b"} == who(lab, client)
    lab.forget(greeters[0].process)
    lab.advance(4)
    assert {"a", "b"} == who(lab, client)
    lab.advance(2)
    assert {"b"} == who(lab, client)


def test_an_instance_that_flaps_keeps_its_link(lab):
    """
    An instance that is gone for less than the grace keeps its connection and its calls.
    """
    greeters = [serve(lab, name) for name in "ab"]
    client = lab.client(Greeter)
    (instance,) = greeters[0].process.application.registry.announced
    lab.run(client.who())
    before = list(greeters[0].process.network.connections)
    for _ in range(5):
        lab.registry.take(instance)
        lab.advance(3)
        lab.registry.put(instance)
        lab.advance(3)
    assert before == greeters[0].process.network.connections
    assert {"a", "b"} == who(lab, client)
    lab.registry.take(instance)
    lab.advance(4.9)
    assert before == greeters[0].process.network.connections
    lab.advance(0.2)
    assert [] == greeters[0].process.network.connections
    lab.registry.put(instance)


def test_an_empty_list_does_not_wipe_a_good_one(lab):
    """
    A registry that loses everything takes no provider away; the next real list does.
    """
    greeters = [serve(lab, name) for name in "ab"]
    client = lab.client(Greeter)
    lab.run(client.who())
    for greeter in greeters:
        lab.forget(greeter.process)
    lab.advance(60)
    assert {"a", "b"} & who(lab, client)
    serve(lab, "c")
    lab.advance(6)
    assert {"c"} == who(lab, client)


def test_an_empty_list_may_be_trusted(lab):
    """
    With accept_empty an empty list is taken at its word, after the grace.
    """
    greeter = serve(lab, "a")
    client = lab.consumer("client.accept_empty=yes").application.client(Greeter)
    lab.run(client.who())
    lab.forget(greeter.process)
    lab.advance(6)
    with pytest.raises(NoInstances, match=r"demo\.Greeter"):
        lab.run(client.who())


def test_weights_are_followed(lab):
    """
    A changed weight changes the share of calls, and weight 0 drains a node.
    """
    greeters = [serve(lab, name) for name in "ab"]
    client = lab.client(Greeter)
    lab.run(client.who())
    (instance,) = greeters[0].process.application.registry.announced
    connections = list(greeters[0].process.network.connections)
    lab.registry.put(evolve(instance, weight=0))
    lab.advance(0.1)
    assert {"b"} == who(lab, client)
    lab.registry.put(evolve(instance, weight=900))
    lab.advance(0.1)
    got = [lab.run(client.who()) for _ in range(100)]
    assert got.count("a") > 70
    assert connections == greeters[0].process.network.connections
    lab.registry.put(instance)


def test_a_moved_instance(lab):
    """
    An instance whose address changes is called at the new one.
    """
    greeters = [serve(lab, name) for name in "ab"]
    client = lab.client(Greeter)
    lab.run(client.who())
    (a,), (b,) = (one.process.application.registry.announced for one in greeters)
    lab.registry.put(evolve(a, address=b.address))
    lab.advance(6)
    assert {"b"} == who(lab, client)
    lab.registry.put(a)


def test_two_instances_at_one_address(lab):
    """
    Instances that share an address, as after a quick restart, do not disturb each other.
    """
    greeter = serve(lab, "a")
    client = lab.client(Greeter)
    lab.run(client.who())
    (instance,) = greeter.process.application.registry.announced
    other = evolve(instance, id="other")
    lab.registry.put(other)
    lab.advance(1)
    assert {"a"} == who(lab, client)
    lab.registry.take(other)
    lab.advance(10)
    assert {"a"} == who(lab, client)
    assert 1 == len(greeter.process.network.connections)


def test_a_snapshot_file_starts_a_client(lab, tmp_path):
    """
    A client starts from its last list while the registry is away.
    """
    serve(lab, "a")
    keep = f"client.snapshot_dir={tmp_path}"
    first = lab.consumer(keep)
    assert "a" == lab.run(first.application.client(Greeter).who())
    lab.advance(1)
    lab.stop(first)
    lab.registry.leave()
    second = lab.consumer(keep)
    assert "a" == lab.run(second.application.client(Greeter).who())


def test_an_instance_that_speaks_something_else(lab):
    """
    An instance that speaks none of the client's wires is no node.
    """
    serve(lab, "a")
    lab.registry.put(
        an_instance(id="alien", address=Address("memory", "alien"), protocols=("martian",))
    )
    assert {"a"} == who(lab, lab.client(Greeter))


def test_no_instance_speaks_the_clients_wire(lab):
    """
    A service of which every instance speaks another wire fails with both, and the options.
    """
    lab.registry.put(
        an_instance(
            service="demo.Greeter",
            id="alien",
            address=Address("memory", "alien"),
            protocols=("martian",),
        )
    )
    expected = "1 known, and they speak martian, where this client speaks native; set"
    with pytest.raises(NoInstances, match=expected):
        lab.run(lab.client(Greeter).who())


def test_an_unknown_service(lab):
    """
    A service that nobody serves fails with what to look for.
    """
    with pytest.raises(NoInstances, match="is a provider running"):
        lab.run(lab.client(Greeter).who())


def test_a_call_before_the_start(lab):
    """
    A call of an application that was not started says so.
    """
    process = lab.process()
    client = process.application.client(Greeter)
    with pytest.raises(NoInstances, match="not been started"):
        lab.run(client.who())


def test_a_client_asked_for_late(lab):
    """
    A client may be asked for before and after the start of its application.
    """
    serve(lab, "a")
    process = lab.process()
    early = process.application.client(Greeter)
    lab.start(process)
    assert "a" == lab.run(early.who())
    late = lab.consumer().application.client(Greeter)
    assert "a" == lab.run(late.who())


def test_a_refusal_fails_calls_at_once(lab):
    """
    A call that waits for a list which the registry refuses fails at once, with the reason.

    So do calls that come later, until the registry tells the list.
    """
    serve(lab, "a")
    lab.registry.leave()
    client = lab.client(Greeter)
    waiting = lab.begin(client.who())
    lab.advance(1)
    assert not waiting.done
    lab.registry.refuse("a user and password are needed")
    lab.registry.come_back()
    began = lab.clock.seconds()
    for running in (waiting, lab.begin(client.who())):
        with pytest.raises(NoInstances, match="a user and password are needed"):
            lab.finish(running)
    assert lab.clock.seconds() - began < 2
    lab.registry.permit()
    lab.advance(0.1)
    assert "a" == lab.run(client.who())
