"""
Time, chance and the reactor are arguments; few files may name where they come from.

Twisted's reactor counts by the time of day, which people set; so nothing is measured by it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import ROOT, files, parsed, where

MODULES = frozenset(("time", "random", "secrets"))
CALLS = frozenset(("sleep", "now", "utcnow", "today"))

#: Files and folders that hand them in, each with its reason.
NAMED: dict[str, str] = {
    "rpcfw/app/reactors.py": "hands in chance and the reactor",
    "rpcfw/app/steady.py": "hands in time",
    "rpcfw/testing/": "seeded chance for tests",
}

#: Files that may ask for the time of day, each with its reason.
SHOWN: dict[str, str] = {
    "plugins/rpcfw_auth/bearer_credentials.py": "compares with the time of change of a file",
    "plugins/rpcfw_auth/hmac_authenticator.py": "compares with the time of another machine",
    "plugins/rpcfw_auth/hmac_credentials.py": "tells other machines when a call was signed",
    "plugins/rpcfw_auth/jwt_authenticator.py": "compares with the time of another machine",
    "plugins/rpcfw_buses/broker/bus.py": "compares with the time of change of a file",
    "plugins/rpcfw_grpc/services/channelz.py": "shows when things were",
    "plugins/rpcfw_grpc/services/channelz_messages.py": "shows when things were",
    "plugins/rpcfw_metrics/otlp.py": "tells a backend when the numbers were read",
    "rpcfw/filters/tracing/client.py": "tells a backend when a call was",
    "rpcfw/filters/tracing/recording.py": "tells a backend when a call was",
    "rpcfw/filters/tracing/server.py": "tells a backend when a call was",
    "plugins/rpcfw_registries/etcd/registry.py": "tells other machines when it was started",
    "plugins/rpcfw_registries/rules/stored.py": "tells people when a rule was changed",
    "plugins/rpcfw_registries/zookeeper/announced.py": "tells other machines when it was announced",
    "plugins/rpcfw_registries/zookeeper/registry.py": "tells other machines when it was started",
    "plugins/rpcfw_routers/access_rules.py": "compares with the time of change of a file",
    "rpcfw/spi/runtime/recent_calls.py": "shows when calls ended",
    "rpcfw/spi/access/followed_rules.py": "compares with the time of change of a file",
    "rpcfw/spi/access/audit_trail.py": "writes when things were done",
    "rpcfw/console/audit.py": "shows when things were done",
    "rpcfw/cli/console.py": "compares with the time of change of a file",
    "rpcfw/cli/ls.py": "shows when instances came and went",
    "rpcfw/app/process_view.py": "shows when the process was started",
    "rpcfw/app/process_metrics.py": "shows when the process was started",
    "rpcfw/app/access_log/parts.py": "hands it in",
    "rpcfw/app/access_log/success_lines.py": "writes when calls ended",
    "rpcfw/app/access_log/writer.py": "writes when calls ended",
    "rpcfw/app/runtime.py": "hands it in",
    "rpcfw/app/steady.py": "hands it in",
    "rpcfw/filters/metrics.py": "tells a backend when the call of an exemplar was",
    "rpcfw/cluster/warm_up.py": "compares with the time of another machine",
    "rpcfw/spi/plugin.py": "hands it in",
    "rpcfw/server/announcer.py": "tells other machines when it started",
    "rpcfw/testing/plugin_context.py": "hands in a test's",
}

#: Folders whose tests meet real clocks and wait for real things, with a limit.
REAL = ("tests/real/", "tests/interop/")
#: Where asyncio sleeps on a lab's clock, in no time.
NO_TIME = ("tests/lab/test_worlds.py",)


def sources(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """
    Yield each place of a file that reaches for a clock, for chance or the reactor.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in MODULES or alias.name == "twisted.internet.reactor":
                    yield node, f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module in MODULES or (node.module == "twisted.internet" and "reactor" in names):
                yield node, f"from {node.module} import {', '.join(sorted(names))}"
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CALLS:
            yield node, f".{node.func.attr}()"


def test_time_and_chance_are_arguments():
    """
    Only the named files name a clock, a source of chance or the global reactor.
    """
    found = [
        f"{where(path, node)} {what}"
        for path in files("rpcfw", "plugins")
        for node, what in sources(path)
        if not where(path).startswith(tuple(NAMED))
    ]

    assert [] == found


def by_the_reactor(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """
    Yield each place of a file where a reactor tells the time, or is to call after a while.

    To be called in the next turn, after 0 s, is no time.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and node.attr == "seconds" and is_reactor(node.value):
            yield node, "seconds of a reactor"
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "callLater"
            and is_reactor(node.func.value)
            and ast.unparse(node.args[0]) != "0"
        ):
            yield node, "callLater of a reactor"


def is_reactor(node: ast.AST) -> bool:
    """
    Tell whether an expression is a reactor, by its name.
    """
    return ast.unparse(node).rpartition(".")[2].strip("_") in ("reactor", "installed")


def test_nothing_is_measured_by_a_reactor():
    """
    Time is measured by the clock that is handed in, which nobody sets.
    """
    found = [
        f"{where(path, node)} {what}"
        for path in files("rpcfw", "plugins")
        if not where(path).startswith("rpcfw/app/steady.py")
        for node, what in by_the_reactor(path)
    ]

    assert [] == found


def test_no_reactor_is_a_clock():
    """
    What takes a clock is not given a reactor, nor is a reactor annotated as a clock.
    """
    found = []
    for path in files("rpcfw", "plugins"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.keyword) and node.arg == "clock" and is_reactor(node.value):
                found.append(f"{where(path, node.value)} a reactor as a clock")
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Timers"):
                found += [
                    f"{where(path, node)} timers on a reactor"
                    for argument in node.args
                    if is_reactor(argument)
                ]

    assert [] == found


def test_the_time_of_day_is_shown_only():
    """
    Only the named files ask for the time of day: for people and other machines, never to measure.
    """
    found = [
        f"{where(path, node)} time_of_day"
        for path in files("rpcfw", "plugins")
        if not where(path).startswith(tuple(SHOWN))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr == "time_of_day"
    ]

    assert [] == found


def test_no_test_sleeps():
    """
    Tests move a clock by hand; none waits for time to pass.
    """
    found = [
        f"{where(path, node)} {what}"
        for path in files("tests")
        if not where(path).startswith(REAL + NO_TIME)
        for node, what in sources(path)
        if what == ".sleep()" or what.startswith(("from time", "import time"))
    ]

    assert [] == found


def test_files_that_show_time_are_there():
    """
    An excuse goes when its file goes, or mends its ways.
    """
    idle = [name for name in SHOWN if "time_of_day" not in (ROOT / name).read_text()]

    assert [] == idle


def test_named_files_are_there():
    """
    An excuse goes when its file goes, or mends its ways.
    """
    paths = files("rpcfw", "plugins")
    reaching = [where(path) for path in paths if any(sources(path))]

    idle = [name for name in NAMED if not any(place.startswith(name) for place in reaching)]

    assert [] == idle
