"""
Stubs of grpcio's threads, with our channel below them instead of grpcio's.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rpcfw.errors import ContractError
from rpcfw_grpc.adapters import BlockingChannel
from tests.plugins.grpc_adapters.echo import write_generated
from tests.real.commands import environment

LIMIT_S = 120


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """
    What the program found with grpcio's channel, and with ours.
    """
    pytest.importorskip("grpc_tools", reason="pip install grpcio-tools")
    folder = tmp_path_factory.mktemp("stubs")
    write_generated(folder)
    program = subprocess.run(
        [sys.executable, "-m", "tests.interop.blocking_stubs", str(folder)],
        capture_output=True,
        text=True,
        env=environment(),
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
    assert [True, "DEADLINE_EXCEEDED"] == after["late"]
    assert [True, True, True, True, "CANCELLED"] == after["not_yet"]
    assert [[str(number) for number in range(200)], first, last, "OK", False] == after["many"]
    assert ["A", "B"] == after["dialogue"]
    assert [True, "UNKNOWN"] == after["bad_iterator"]


def test_what_is_no_application():
    """
    A channel is told what to make it of.
    """
    with pytest.raises(ContractError, match="takes INI files, or what"):
        BlockingChannel(object())
