"""
A rolling restart of all providers, one after another, while calls go on.

``RPCFW_RESTARTS=20`` restarts each of them so often, instead of once.
"""

from __future__ import annotations

import os

import pytest

from tests.real.one_registry import REGISTRIES, one_registry
from tests.real.providers import Processes, until

#: How often each provider is restarted.
RESTARTS = int(os.environ.get("RPCFW_RESTARTS", "1"))
#: On a machine that is busy elsewhere calls are slow; one that is lost would never end.
LONG = "client.timeout=25s"


@pytest.mark.parametrize("plugin", REGISTRIES)
def test_a_rolling_restart_loses_nothing(plugin):
    """
    Of 1,000 calls a second to a method that must not be repeated, each is served exactly once.
    """
    with (
        one_registry(plugin) as address,
        Processes(f"registry.plugin={plugin}", f"registry.address={address}") as processes,
    ):
        providers = processes.providers(3)
        load = processes.load("write", 1000, LONG)
        written = 0
        for _ in range(RESTARTS):
            for number, old in enumerate(providers):
                until(lambda old=old: load.called(old), "it is called")
                old.stop()
                written += old.facts()["written"]
                new = providers[number] = processes.provider(f"server.listen={old.address}")
                until(lambda new=new: load.called(new), "the one in its place is called")
        report = load.end()
        for each in providers:
            each.stop()
            written += each.facts()["written"]
    assert {} == report["failed"], report
    assert written == report["ok"] == report["sent"] + 1  # one before the load began
