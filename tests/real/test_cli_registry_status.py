"""
``rpcfw registry status``, of a registry server with a bus.
"""

from __future__ import annotations

import json

from tests.real.commands import registry, rpcfw
from tests.real.ports import free_ports


def test_status_of_a_server_and_of_one_that_does_not_answer():
    """
    The exit code is 1 if a server does not answer, and the others are printed all the same.
    """
    node, address = registry("--set", "bus.plugin=memory")
    (nowhere,) = free_ports(1)
    with node:
        done = rpcfw("registry", "status", "--json", address, f"tcp:127.0.0.1:{nowhere}")
    answered, failed = json.loads(done.stdout)["servers"]
    assert 1 == done.returncode
    assert ("default", 0, True) == (answered["group"], answered["instances"], answered["connected"])
    assert "UNAVAILABLE" in failed["error"]
    assert f"tcp:127.0.0.1:{nowhere}: UNAVAILABLE" in done.stderr
