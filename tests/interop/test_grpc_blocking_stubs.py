"""
Stubs that grpcio's plugin wrote, with our channels below them instead of grpcio's.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rpcfw.errors import ContractError
from rpcfw_grpc.adapters import BlockingChannel
from tests.interop.moved_programs import programs
from tests.plugins.grpc_adapters.echo import write_generated
from tests.real.commands import environment

LIMIT_S = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """
    Where the generated modules are.
    """
    pytest.importorskip("grpc_tools", reason="pip install grpcio-tools")
    folder = tmp_path_factory.mktemp("stubs")
    write_generated(folder)
    return folder


@pytest.fixture(scope="module")
def found(folder):
    """
    What the program found with grpcio's channel, and with ours.
    """
    return found_by("blocking_stubs", folder)


def found_by(name, folder, *words):
    """
    Return what a program found.
    """
    program = subprocess.run(
        [sys.executable, "-m", f"tests.interop.{name}", str(folder), *words],
        capture_output=True,
        text=True,
        env={**environment(), "GRPC_VERBOSITY": "NONE"},  # of clients without a certificate
        timeout=LIMIT_S,
        check=False,
    )
    assert ("", 0) == (program.stderr, program.returncode)
    return json.loads(program.stdout)


def test_a_program_that_moved(found):
    """
    It finds with our channel what it found with grpcio's, in every use of a stub.
    """
    for use, before in found["before"].items():
        assert (use, before) == (use, found["after"][use])
    assert len(found["before"]) == len(found["after"])


def test_what_it_found(found):
    """
    And that is what it should find.
    """
    after = found["after"]
    first = [["first", "'1'"], ["first-bin", r"b'\x00'"]]
    last = [["last", "'2'"], ["last-bin", r"b'\xff'"]]
    assert r"hello me b'\x01'" == after["call"]
    assert [after["call"], "OK", "", first, last, False] == after["with_call"]
    assert [True, "NOT_FOUND", "no such", last] == after["failure"]
    assert [True, "NOT_FOUND", "no such", last] == after["intercepted_failure"]
    assert "hello inner None" == after["intercepted"][0][0]
    assert 10 == len(after["intercepted"][1])
    assert [10_000] * 3 == after["compressed"]
    assert "hello me None" == after["bytes_for_text"]
    assert [True, "DEADLINE_EXCEEDED"] == after["late"]
    assert [True, True, True, True, "CANCELLED"] == after["not_yet"]
    assert [[str(number) for number in range(200)], first, last, "OK", False] == after["many"]
    assert ["A", "B"] == after["dialogue"]
    assert [True, "UNKNOWN"] == after["bad_iterator"]


@pytest.mark.parametrize("kind", ["threads", "aio"])
def test_the_programs_of_the_docs(folder, kind):
    """
    A program that imports our adapters in place of grpcio finds what it found before.
    """
    (_, *before), (ours, *after) = (each.splitlines() for each in programs(kind))
    assert "from rpcfw_grpc import adapters as grpc" == ours
    assert before == after
    first, second = found_by("moved_programs", folder, kind)
    assert first == second
    assert 5 < len(first)


@pytest.mark.parametrize("kind", ["threads", "aio"])
def test_every_target(folder, kind):
    """
    A name, all its addresses, a socket, TLS: each is called, under the options given.
    """
    found = found_by("target_programs", folder, kind)
    hello = "hello None None"
    assert hello == found.pop("again", hello)
    for target in ("name", "in turn", "several", "socket", "tls"):
        assert (target, hello) == (target, found[target])
    assert ("RESOURCE_EXHAUSTED", "UNAVAILABLE") == (found["small"], found["not trusted"])


def test_what_is_no_application():
    """
    A channel is told what to make it of.
    """
    with pytest.raises(ContractError, match="takes INI files, or what"):
        BlockingChannel(object())
