"""
Admin ports that instances announce, and what is counted between two looks.
"""

from __future__ import annotations

import pytest

from rpcfw.console.announced_ports import AnnouncedPorts
from rpcfw.console.inspected import Inspected, InspectedMethod, ProcessFacts, RecentMethod
from rpcfw.console.load import load_in, loads_of
from rpcfw.console.seen_process import SeenProcess, each_once
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance


def instance(tag, address="tcp:10.0.0.5:2200"):
    return Instance("demo.A", "a", Address.parse(address), tags={"admin": tag})


PORTS = AnnouncedPorts(["10.0.0.0/8", "::1/128"])


@pytest.mark.parametrize(
    ("tag", "address"),
    [
        ("tcp:10.0.0.5:2290", "tcp:10.0.0.5:2200"),
        ("tls:10.0.0.5:2290", "tls:10.0.0.5:2200"),
        ("tcp:[::1]:2290", "tcp:[0:0::1]:2200"),
    ],
)
def test_a_port_of_the_same_host(tag, address):
    """
    An instance says where its own admin port is.
    """
    assert Address.parse(tag) == PORTS.of(instance(tag, address))


@pytest.mark.parametrize(
    "tag",
    [
        *("", "tcp:169.254.169.254:80", "unix:/run/x", "nonsense", "tcp:10.0.0.5"),
        "tcp:10.0.0.5:80@169.254.169.254",
    ],
)
def test_no_port_of_another_host(tag):
    """
    An instance cannot send the console to another host, nor to a file.
    """
    assert PORTS.of(instance(tag)) is None


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1", "metadata.internal", "11.0.0.1"])
def test_no_port_of_another_network(host):
    """
    Whoever can write to the registry cannot send the console to a host of their own choice.
    """
    assert PORTS.of(instance(f"tcp:{host}:80", f"tcp:{host}:2200")) is None


def test_ports_of_one_host_are_limited():
    """
    One host cannot fill the list of processes.
    """
    many = [instance(f"tcp:10.0.0.5:{port}") for port in range(1, 1000)]
    other = instance("tcp:10.0.0.6:1", "tcp:10.0.0.6:2")
    found = list(PORTS.all([*many, other]))
    assert 201 == len(found)
    assert Address("tcp", "10.0.0.6", 1) == found[-1]


def test_a_port_counts_once():
    """
    A process with many services takes the place of one: the other processes of its host are asked.
    """
    many = [instance("tcp:10.0.0.5:2290")] * 1000
    found = list(PORTS.all([*many, instance("tcp:10.0.0.5:2291")]))
    assert [2290, 2291] == [address.port for address in found]


def said(ended, failed):
    return Inspected(methods=[InspectedMethod("server", "demo.A", "say", ended, failed)])


def test_rates():
    """
    Rates are what was added between two looks; a process that was restarted began at zero.
    """
    seen = SeenProcess(Address("tcp", "h", 1))
    seen.take(said(100, 10), 50.0)
    assert [None] == [each.calls_per_s for each in seen.rates]
    seen.take(said(150, 15), 60.0)
    assert [(5.0, 0.5)] == [(each.calls_per_s, each.failures_per_s) for each in seen.rates]
    seen.take(said(20, 0), 70.0)
    assert [(2.0, 0.0)] == [(each.calls_per_s, each.failures_per_s) for each in seen.rates]


def test_rates_after_a_restart():
    """
    What another process has counted is not compared with what the one before had.
    """
    seen = SeenProcess(Address("tcp", "h", 1))
    for run_id, ended, now in (("a", 100, 50.0), ("a", 100, 60.0), ("b", 150, 70.0)):
        method = InspectedMethod("server", "demo.A", "say", ended)
        seen.take(Inspected(process=ProcessFacts(run_id), methods=[method]), now)
    assert [15.0] == [each.calls_per_s for each in seen.rates]


def test_times_of_the_last_minute():
    """
    Percentiles are those of the last minute; of all calls, if the process says nothing of it.
    """
    method = InspectedMethod("server", "demo.A", "say", p50_ms=7.0, p99_ms=9.0)
    recent = RecentMethod("server", "demo.A", "say", p50_ms=1.0, p99_ms=None)
    seen = SeenProcess(Address("tcp", "h", 1))
    seen.take(Inspected(methods=[method]), 50.0)
    assert [(7.0, 9.0)] == [(each.p50_ms, each.p99_ms) for each in seen.rates]
    seen.take(Inspected(methods=[method], last_minute=[recent]), 60.0)
    assert [(1.0, None)] == [(each.p50_ms, each.p99_ms) for each in seen.rates]


def test_times_of_an_idle_method():
    """
    A method that was slow once, and was not called in the last minute, makes no service slow.
    """
    idle = InspectedMethod("server", "demo.A", "warm_up", p50_ms=30_000.0, p99_ms=30_000.0)
    busy = InspectedMethod("server", "demo.A", "say", p50_ms=7.0, p99_ms=9.0)
    recent = RecentMethod("server", "demo.A", "say", p50_ms=1.0, p99_ms=2.0)
    seen = SeenProcess(Address("tcp", "h", 1))
    seen.take(Inspected(methods=[idle, busy], last_minute=[recent]), 50.0)
    load = load_in(seen, "demo.A")
    assert (1.0, 2.0) == (load.p50_ms, load.p99_ms)
    seen.take(Inspected(methods=[idle, busy], last_minute=[]), 60.0)
    load = load_in(seen, "demo.A")
    assert (None, None) == (load.p50_ms, load.p99_ms)


def test_a_process_that_does_not_answer():
    """
    A process that does not answer has no calls in a second: nobody knows them.
    """
    seen = SeenProcess(Address("tcp", "h", 1))
    seen.take(said(100, 10), 50.0)
    seen.take(said(150, 15), 60.0)
    seen.failed("cannot connect")
    assert "cannot connect" == seen.error
    assert [] == [*seen.rates]


def process(run_id, port, *, listed=False):
    """
    Return a process that has answered twice, with 10 calls in a second.
    """
    seen = SeenProcess(Address("tcp", "10.0.0.5", port), listed)
    for now, ended in ((50.0, 0), (60.0, 100)):
        method = InspectedMethod("server", "demo.A", "say", ended)
        seen.take(Inspected(process=ProcessFacts(run_id), methods=[method]), now)
    return seen


def test_a_process_under_two_addresses():
    """
    It counts once, by the id that it says; one without an id counts at each of its addresses.
    """
    first, second, other = process("a1", 1), process("a1", 2), process("b2", 3)
    found = each_once([second, other, first])
    assert {first: None, second: first, other: None} == found
    (load,) = loads_of(one for one, same in found.items() if same is None)
    assert (20.0, 2) == (load.calls_per_s, load.processes)
    assert {None} == {*each_once([process("", 1), process("", 2)]).values()}


def test_no_process_hides_one_that_is_listed():
    """
    Who announces a port and says the id of another process is not counted for that one.
    """
    false, real = process("a1", 1), process("a1", 2, listed=True)
    assert {false: real, real: None} == each_once([false, real])


def test_who_said_an_id_first_keeps_it():
    """
    A process that says the id of another one later does not hide it, whatever its address.

    It does not after a time in which the other one did not answer either.
    """
    real, false = process("a1", 2), process("f0", 1)
    false.take(Inspected(process=ProcessFacts("a1")), 70.0)
    real.failed("no answer within 5 s")
    real.take(Inspected(process=ProcessFacts("a1")), 80.0)
    assert {false: real, real: None} == each_once([false, real])
    real.take(Inspected(process=ProcessFacts("a2")), 90.0)  # started again
    false.take(Inspected(process=ProcessFacts("a2")), 95.0)
    assert {false: real, real: None} == each_once([false, real])


def test_a_process_that_has_another_address_now():
    """
    A port that does not answer any longer is not the process that it was.
    """
    first, second = process("a1", 1), process("a1", 2)
    first.failed("cannot connect")
    assert {first: None, second: None} == each_once([first, second])
