"""
A server that is stopped for seconds while its clients go on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORLD = Path(__file__).with_name("paused_world.py")
LIMIT_S = 120


def begun(*arguments: str) -> subprocess.Popen[str]:
    """
    Start one of the programs.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return subprocess.Popen(
        [sys.executable, str(WORLD), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_clients_of_a_server_that_was_away(wire, reactor):
    """
    Those that gave up lost their own calls only; nobody was cut off, and nothing was logged.
    """
    server = begun("serve", wire, reactor)
    try:
        address = server.stdout.readline().strip()
        client = begun("call", wire, address, str(server.pid))
        out, told = client.communicate(timeout=LIMIT_S)
        assert "" == told
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        _, logged = server.communicate(timeout=LIMIT_S)

    assert {
        "impatient": ["DeadlineExceeded"],
        "patient": ["hello ann"],
        "new": ["hello new"],
    } == json.loads(out)
    assert "" == logged
