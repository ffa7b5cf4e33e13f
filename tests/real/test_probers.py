"""
``rpcfw probe``: with a network that is cut, and as a command.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial

import pytest

from tests.house.tree import ROOT
from tests.real.commands import Running, registry, rpcfw
from tests.real.fleet.network import unavailable
from tests.real.probed_network import Star
from tests.real.providers import Process, until

REGISTRY = "10.9.0.1"
PROVIDERS = ["10.9.0.11", "10.9.0.12", "10.9.0.13"]
PORT = 2200
#: Faster than by default, so that the test is.
FAST = (
    "probe.interval=300ms",
    "probe.retry_interval=100ms",
    "probe.timeout=300ms",
    "probe.failures=2",
    "probe.report_interval=20ms",
)

FIRST = PROVIDERS[:1]
#: What each prober does not reach, and then the consumer, by the fault as the page names it.
FAULTS = {
    "none": ([], [], [], []),
    "prober 1 is cut off": (PROVIDERS, [], [], []),
    "all probers are cut off": (PROVIDERS, PROVIDERS, PROVIDERS, []),
    "the probers are cut off from provider 1": (FIRST, FIRST, FIRST, []),
    "provider 1 is cut off from all": (FIRST, FIRST, FIRST, FIRST),
    "the consumer is cut off from provider 1": ([], [], [], FIRST),
}


def table():
    """
    Return the rows of the page's table: what each sees, by the fault.
    """
    page = (ROOT / "docs" / "governance" / "probers.md").read_text()
    _, _, text = page.partition("| the fault |")
    rows = re.findall(r"(?m)^\| (.*) \|$", text.partition("\n## ")[0])[1:]
    return {fault: seen for fault, *seen in (row.split(" | ") for row in rows)}


def sees(consumer, row):
    """
    Tell whether a row of that table is what is seen now.
    """
    facts = consumer.ask("state")
    cells = []
    for number in (1, 2, 3):
        unreached, believed = facts["probers"].get(f"prober-{number}", (0, False))
        cells.append(f"reaches {3 - unreached} of 3" + ", not believed" * (not believed))
    health, says = facts["nodes"].get(f"tcp:{FIRST[0]}:{PORT}", ("", ""))
    return row == [*cells, f"{health}, `{says}`"]


@pytest.fixture
def world():
    """
    Three providers, three probers and a consumer, each prober and the consumer on its own host.
    """
    why = unavailable()
    if why:
        pytest.skip(why)
    with ExitStack() as stack:
        star = stack.enter_context(Star([REGISTRY, *PROVIDERS], 4))

        def start(name, module, *arguments, within):
            process = Process(name, module, *arguments, within=within)
            stack.callback(process.close)
            return process

        places = [f"tcp:{each}:{PORT}" for each in (REGISTRY, *PROVIDERS)]
        providers = start(
            "the providers", "tests.real.probed_providers", *places, within=star.middle.enter
        )
        assert "ready" == providers.line()
        sets = [f"registry.address={places[0]}"]
        *hosts, last = star.hosts
        for number, host in enumerate(hosts, 1):
            own = [*sets, *FAST, f"probe.name=prober-{number}"]
            command = ["probe", *(word for each in own for word in ("--set", each))]
            start(f"prober {number}", "rpcfw.cli.main", *command, within=host.enter)
        consumer = start(
            *("the consumer", "tests.real.probed_consumer", *sets, "health.probes=yes"),
            within=last.enter,
        )
        yield star.hosts, consumer


def test_who_sees_what(world):
    """
    Each fault of the network has the effect that the page has in its table.
    """
    hosts, consumer = world
    rows = table()
    assert rows.keys() == FAULTS.keys()
    for fault, cuts in FAULTS.items():
        for host, lost in zip(hosts, cuts, strict=True):
            host.lose(lost)
        until(partial(sees, consumer, rows[fault]), f"{fault}: {rows[fault]}")


def test_the_command():
    """
    It says that it probes, its report is listed and shown beside the instances, and is withdrawn.
    """
    node, node_at = registry()
    with node, Running("serve", "-c", "conf/provider.ini", RPCFW_REGISTRY__ADDRESS=node_at) as one:
        one.line()
        command = ("probe", "-c", "conf/probe.ini", "--set", "probe.interval=200ms")
        with Running(*command, RPCFW_REGISTRY__ADDRESS=node_at) as prober:
            assert prober.line().startswith("probing all services in standalone at ")
            listed = until(partial(shown, node_at), "the prober has reported")
            code, out, _ = prober.end()
        assert "rpcfw.Prober" in listed
        assert "reaches 100%, 0 nodes not" in listed
        assert (0, "") == (code, out)
        done = rpcfw("ls", RPCFW_REGISTRY__ADDRESS=node_at)
        assert "rpcfw.Prober" not in done.stdout.replace("rpcfw.Prober  (no instances)", "")


def shown(node_at):
    """
    Return the list with the health of the instances, once it shows what the prober says.
    """
    done = rpcfw("ls", "--health", RPCFW_REGISTRY__ADDRESS=node_at)
    return done.stdout if "1 of 1 probers reach it" in done.stdout else ""


def test_without_a_registry():
    """
    A prober that has no registry says what to set.
    """
    done = rpcfw("probe", "--set", "registry.plugin=")

    assert 2 == done.returncode
    assert "set [registry] plugin" in done.stderr
