"""
Rules about the hosts of callers, over real connections: the lab's have no hosts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORLD = Path(__file__).with_name("hosts_world.py")


@pytest.fixture(scope="module", params=["native", "grpc"])
def seen(request):
    """
    How the calls of the program ended.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [sys.executable, str(WORLD), request.param],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    return json.loads(done.stdout)


def test_access(seen):
    """
    Hosts that are denied, or not among those that are allowed, are refused; others are not.
    """
    refused, served = ["PERMISSION_DENIED"] * 3, ["OK"] * 3
    assert refused == seen["denied"]
    assert served == seen["others denied"]
    assert served == seen["allowed"]
    assert refused == seen["others allowed"]


def test_a_limit_for_each_address(seen):
    """
    A host has one limit for all its calls.
    """
    assert ["OK", "OK", "RESOURCE_EXHAUSTED"] == seen["limited"]
