"""
From the standalone registry to a real ZooKeeper, by two lines of the INI files.
"""

from __future__ import annotations

import pytest

from tests.house.tree import ROOT
from tests.real.commands import Running, address_in, rpcfw
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper

LINES = "plugin = standalone\naddress = 127.0.0.1:2210\n"


@pytest.fixture
def server():
    """
    A ZooKeeper server.
    """
    require_zookeeper()
    server = ZooKeeperServer()
    server.serve()
    yield server
    server.remove()


def test_two_lines_change_the_registry(server, tmp_path):
    """
    The shipped files, with two lines edited, serve, list and call through ZooKeeper.
    """
    for name in ("provider.ini", "consumer.ini"):
        text = (ROOT / "conf" / name).read_text().replace("../examples", f"{ROOT}/examples")
        assert LINES in text
        edited = text.replace(LINES, f"plugin = zookeeper\naddress = {server.address}\n")
        (tmp_path / name).write_text(edited)
    consumer = ("-c", tmp_path / "consumer.ini")

    with Running("serve", "-c", tmp_path / "provider.ini", "--log-level", "error") as provider:
        provider_at = address_in(provider.line())
        listed = rpcfw("ls", *consumer)
        called = rpcfw("call", *consumer, "demo.Greeter/say", '{"name": "bob"}')
        assert (0, "", "") == provider.end()
        empty = rpcfw("ls", *consumer, "demo.Greeter", "--json")

    assert f"demo.Greeter  tcp:{provider_at}" in listed.stdout, listed.stderr
    assert (0, '"hello bob"\n', "") == (called.returncode, called.stdout, called.stderr)
    assert (0, "[]\n") == (empty.returncode, empty.stdout), empty.stderr
