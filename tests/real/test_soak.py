"""
Hostile connections of every kind at once, for some seconds.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

from tests.requirements import require

#: A loaded machine is slow, and no sign of harm: memory and lost calls are.
_PATIENT = ("--p99-ms", "20000", "--timeout-s", "60")


def test_an_honest_client_loses_nothing():
    """
    A server under attack serves an honest client, and its memory stays bounded.
    """
    require(find_spec("cryptography"), "pip install 'rpcfw[tls]'")
    require(find_spec("hpack"), "pip install 'rpcfw[grpc]'")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--seconds", "5", *_PATIENT],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "0 lost" in done.stdout


def test_an_attack_that_is_not_known():
    """
    It is refused, with those that are.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--only", "kindness"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 2 == done.returncode
    assert "rapid reset" in done.stderr
