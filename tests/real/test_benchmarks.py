"""
The benchmarks as a command, for a moment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

from tests.java import maven_environment
from tests.requirements import require

RATE = ["calls_per_s", "calls_per_s_spread"]
COST = [
    f"{side}_{name}"
    for side in ("server", "client")
    for name in ("us_per_call", "us_per_call_spread", "user_us", "system_us")
]
NAMES = ["server", "client", "in_flight", *RATE, "p50_us", "p99_us", *COST]


def _run(*arguments, env=None):
    require(find_spec("grpc_tools"), "pip install 'rpcfw[codegen]'")
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=env,
    )


def test_unary_calls_are_measured(tmp_path):
    """
    The command prints a table and writes the agreed rows.
    """
    path = tmp_path / "rows.json"
    quick = ("--servers", "echo", "--seconds", "0.1", "--repetitions", "1", "--in-flight", "1", "8")
    done = _run("unary", *quick, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    rows = json.loads(path.read_text())
    assert [("echo", "echo", 1), ("echo", "echo", 8)] == [tuple(row.values())[:3] for row in rows]
    for row in rows:
        assert NAMES == list(row)
        # A spread needs two measurements, and system time is a difference.
        figures = [name for name in NAMES[3:] if not name.endswith(("_spread", "_system_us"))]
        assert all(row[name] >= 0 for name in figures)
        assert row["calls_per_s"] > 0
    assert "server_us_per_call" in done.stdout


def test_tls_is_measured(tmp_path):
    """
    Each wire has a row with TLS and one without, for calls and for new connections.
    """
    require(find_spec("cryptography"), "pip install 'rpcfw[tls]'")
    path = tmp_path / "rows.json"
    quick = ("--seconds", "0.1", "--repetitions", "1", "--in-flight", "2", "--json", str(path))
    done = _run("tls", "--servers", "rpcfw", "--clients", "rpcfw", *quick)
    assert 0 == done.returncode, done.stderr
    calls = json.loads(path.read_text())
    wires = [(wire, tls) for wire in ("native", "grpc") for tls in ("no", "yes")]
    assert wires == [(row["wire"], row["tls"]) for row in calls]
    assert all(row["calls_per_s"] > 0 for row in calls)


def test_sizes_of_large_messages_are_measured(tmp_path):
    """
    Each size has its rows, also one above the default limits.
    """
    path = tmp_path / "rows.json"
    quick = ("--seconds", "0.1", "--repetitions", "1", "--in-flight", "2", "--json", str(path))
    sizes = ("--payload-bytes", "65536", str(8 << 20))
    done = _run("payload", "--servers", "rpcfw", *sizes, *quick)
    assert 0 == done.returncode, done.stderr
    rows = json.loads(path.read_text())
    assert [65536, 8 << 20] == [row["bytes"] for row in rows]
    assert all(row["mb_per_s"] > 0 for row in rows)


def test_unknown_servers_are_refused():
    """
    A server that is not known is refused with those that are.
    """
    done = _run("unary", "--servers", "fastest")
    assert 2 == done.returncode
    assert "grpcio-aio" in done.stderr


def test_grpc_calls_are_measured(tmp_path):
    """
    Our server is measured with each client that is asked for, over gRPC.
    """
    path = tmp_path / "rows.json"
    quick = ("--servers", "rpcfw", "--seconds", "0.1", "--repetitions", "1", "--in-flight", "4")
    # Not all that there are: those in other languages are built for minutes.
    clients = ("--clients", "rpcfw", "grpcio-aio", "grpclib")
    done = _run("grpc", *quick, *clients, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    measured = [row["client"] for row in json.loads(path.read_text())]
    assert "rpcfw" in measured
    assert "left out" in done.stderr or clients[1:] == tuple(measured)


def test_all_is_one_table_after_the_other(tmp_path):
    """
    Each table has its heading, and each row says of which it is.
    """
    require(find_spec("grpclib"), "pip install grpclib")
    path = tmp_path / "rows.json"
    quick = ("--seconds", "0.1", "--repetitions", "1", "--in-flight", "4")
    one = ("--servers", "grpclib", "--clients", "grpclib")
    done = _run("all", *one, *quick, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    rows = json.loads(path.read_text())
    assert ["unary", "grpc", "hessian"] == list(dict.fromkeys(row["what"] for row in rows))
    assert "\nidle: memory" in done.stdout


def test_chains_of_policies_are_measured(tmp_path):
    """
    Each chain of a client has a row, and so has each balancer with each number of nodes.
    """
    path = tmp_path / "rows.json"
    quick = ("--seconds", "0.1", "--repetitions", "1", "--in-flight", "4")
    done = _run("governance", *quick, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    rows = json.loads(path.read_text())
    chains = [row for row in rows if ["chain", *RATE, *COST] == list(row)]
    assert {"default", "p2c", "full"} <= {row["chain"] for row in chains}
    assert all(row["calls_per_s"] > 0 for row in chains)
    picks = [row for row in rows if row not in chains]
    assert {10, 1_000, 10_000} == {row["nodes"] for row in picks if row["balancer"] == "p2c"}
    assert "us_per_pick" in done.stdout


def test_authentication_is_measured(tmp_path):
    """
    Each server that asks who calls has a row, beside one that does not.
    """
    path = tmp_path / "rows.json"
    quick = ("--seconds", "0.1", "--repetitions", "1", "--in-flight", "4")
    done = _run("authentication", *quick, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    rows = json.loads(path.read_text())
    chains = ["nobody is asked", "rules", "signed", "signed, rules"]
    assert chains * 2 == [row["server"] for row in rows]
    assert {"native", "grpc"} == {row["wire"] for row in rows}
    assert all(row["calls_per_s"] > 0 for row in rows)


def test_what_it_costs_to_see_is_measured(tmp_path):
    """
    Metrics, an access log and traces have a row each, beside one without anything.
    """
    path = tmp_path / "rows.json"
    quick = ("--seconds", "0.1", "--repetitions", "1", "--in-flight", "4")
    done = _run("observability", *quick, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    rows = {row["chain"]: row for row in json.loads(path.read_text())}
    assert ["nothing", "metrics (default)", "access log"] == list(rows)[:3]
    assert "nothing" == rows["metrics (default)"]["against"]
    assert all(row["calls_per_s"] > 0 for row in rows.values())


def test_the_provider_in_java_is_measured(tmp_path):
    """
    Our client calls it, so its row has that name.
    """
    require(
        shutil.which("mvn") and shutil.which("javac"),
        "apt-get install --no-install-recommends maven default-jdk-headless",
    )
    path = tmp_path / "rows.json"
    quick = ("--servers", "dubbo-java", "--seconds", "0.1", "--repetitions", "1")
    more = ("--in-flight", "4", "--json", str(path))
    done = _run("dubbo", *quick, *more, env=maven_environment())
    assert 0 == done.returncode, done.stderr
    (row,) = json.loads(path.read_text())
    assert ("dubbo-java", "rpcfw-dubbo", 4) == tuple(row.values())[:3]
    assert row["calls_per_s"] > 0
    assert row["server_us_per_call"] > 0


def test_a_provider_in_java_is_left_out_without_java():
    """
    The reason says what to install.
    """
    environ = {**os.environ, "PATH": ""}
    done = _run("dubbo", "--servers", "dubbo-java", env=environ)
    assert 1 == done.returncode
    assert "dubbo-java is left out: apt-get install" in done.stderr


def test_registry_servers_are_measured(tmp_path):
    """
    A small fleet is announced, watched, restarted and moved; at the end all lists are equal.

    Who moves has the rules already, too.
    """
    require(shutil.which("nats-server"), "apt install nats-server")
    path = tmp_path / "rows.json"
    size = ("--instances", "200", "--services", "10", "--consumers", "20", "--watched", "3")
    few = ("--nodes", "2", "--workers", "1", "--restart-s", "0.1", "--idle-s", "0.01")
    few = (*few, "--digest-s", "0.1")
    done = _run("registry-scale", *size, *few, "--json", str(path))
    assert 0 == done.returncode, done.stderr
    found = {row["phase"]: row["found"] for row in json.loads(path.read_text())}
    assert "instances 200" in found["announced"]
    assert "records 1200" in found["consumers connected"]
    assert "rules 80" in found["consumers connected"]
    assert "differing_lists 0" in found["rolling restart"]
    assert "pushed 20" in found["a rule for all consumers"]
    assert "moved 10" in found["a server killed"]
    assert "records 0, rules 0" in found["a server killed"]
