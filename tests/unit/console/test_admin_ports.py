"""
Admin ports that instances announce, and what is counted between two looks.
"""

from __future__ import annotations

import pytest

from rpcfw.console.admin_ports import SeenProcess, admin_of
from rpcfw.console.inspected import Inspected, InspectedMethod
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance


def instance(tag, address="tcp:10.0.0.5:2200"):
    return Instance("demo.A", "a", Address.parse(address), tags={"admin": tag})


def test_a_port_of_the_same_host():
    """
    An instance says where its own admin port is.
    """
    assert Address("tcp", "10.0.0.5", 2290) == admin_of(instance("tcp:10.0.0.5:2290"))


@pytest.mark.parametrize(
    "tag", ["", "tcp:169.254.169.254:80", "unix:/run/x", "nonsense", "tcp:10.0.0.5", "memory"]
)
def test_no_port_of_another_host(tag):
    """
    An instance cannot send the console to another host, nor to a file.
    """
    assert admin_of(instance(tag)) is None


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
