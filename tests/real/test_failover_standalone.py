"""
Whole systems of processes around a standalone registry, with parts that fail under load.
"""

from __future__ import annotations

import time
from tempfile import TemporaryDirectory

import pytest

from tests.real.failover.together import outcomes
from tests.real.ports import free_ports
from tests.real.providers import Processes, until

#: How long the registry is away.
AWAY_S = 15.0


@pytest.fixture(scope="module", name="together")
def _together(request):
    """
    The outcomes of this module's scenarios.
    """
    yield from outcomes(request, 3)


@pytest.fixture
def outcome(request, together):
    """
    What came of the test's own scenario.
    """
    return together(request.node.name)


def around_a_registry():
    """
    Return (processes that use a registry server, its port).
    """
    (port,) = free_ports(1)
    processes = Processes("registry.plugin=standalone", f"registry.address=127.0.0.1:{port}")
    return processes, port


def registry_away():
    """
    The registry is killed, and started again after a while.
    """
    processes, port = around_a_registry()
    with TemporaryDirectory() as folder, processes:
        node = processes.registry(port)
        providers = processes.providers(3)
        load = processes.load("read", 500, f"client.snapshot_dir={folder}")
        until(lambda: load.called(*providers), "all are called")
        killed_at = node.kill()
        # These two begin without a registry.
        orphan = processes.provider("server.announce_timeout=1s")
        reader = processes.load("read", 50, f"client.snapshot_dir={folder}")
        until(lambda: reader.met(*providers), "what the snapshot tells is called")
        until(lambda: time.monotonic() - killed_at > AWAY_S, "it was long enough")
        meanwhile = load.report()
        processes.registry(port)
        back_at = time.monotonic()
        load.seen_after_s(orphan)
        seen_at = time.monotonic()
        newcomer_seen_after_s = load.seen_after_s(processes.provider())
        # This one knows nothing but what the registry knows now.
        stranger = processes.load("read", 50)
        until(lambda: stranger.met(*providers, orphan), "all are announced again")
        return {
            "calls_while_away": meanwhile["ok"],
            "waiting_one_seen_after_s": seen_at - back_at,
            "new_one_seen_after_s": newcomer_seen_after_s,
            "reports": [each.end() for each in (load, reader, stranger)],
        }


def test_registry_away(outcome):
    """
    Calls go on without the registry; once it is back, it knows old and new providers.
    """
    assert [{}, {}, {}] == [each["failed"] for each in outcome["reports"]], outcome
    assert outcome["calls_while_away"] > 250 * AWAY_S


def killed_provider():
    """
    One of three is killed.
    """
    processes, port = around_a_registry()
    with processes:
        processes.registry(port)
        victim, *others = processes.providers(3)
        load = processes.load("read", 2000)
        until(lambda: load.called(victim, *others), "all are called")
        load.go_on(1000)
        killed_at = victim.kill()
        load.go_on(4000)
        until(lambda: load.called(*others), "the others are called")
        report = load.end()
        return {"noticed_after_s": report["last_repeat_at"] - killed_at, "report": report}


def test_killed_provider(outcome):
    """
    No call of an idempotent method fails when a provider is killed.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["report"]["repeats"] > 0  # else nothing was under way


def frozen_provider():
    """
    One of three stops to answer, and goes on later; its connections stay open.
    """
    processes, port = around_a_registry()
    with processes:
        processes.registry(port)
        victim, *others = processes.providers(3)
        load = processes.load(
            "read",
            500,
            "client.attempt_timeout=300ms",
            "connection.keepalive=1s",
            "connection.keepalive_timeout=1s",
        )
        until(lambda: load.called(victim, *others), "all are called")
        frozen_at = victim.freeze()
        until(lambda: load.report()["repeats"], "its calls are repeated")
        report = until(lambda: quiet(load), "it is called no more")
        victim.thaw()
        until(lambda: load.called(victim), "it is called again")
        return {"noticed_after_s": report["last_repeat_at"] - frozen_at, "report": load.end()}


def quiet(load):
    """
    Return a report once no call was repeated for a while.
    """
    report = load.report()
    return report if time.monotonic() - report["last_repeat_at"] > 0.5 else None


def test_frozen_provider(outcome):
    """
    A provider that hangs costs attempts but no call, until its silence is noticed.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["noticed_after_s"] < 5
