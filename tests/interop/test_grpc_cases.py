"""
gRPC's interoperability suite between our own two programs, as processes.
"""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.interop.grpc_cases import CASES
from tests.interop.grpc_soaks import SOAKS
from tests.real.commands import LIMIT_S, Module, environment


@pytest.fixture(scope="module", params=["cleartext", "TLS"])
def made(request):
    """
    What the clients printed that made every case.
    """
    flags = ["--use_tls=true"] if request.param == "TLS" else []
    with Module("tests.interop.grpc_testserver", "--port", "0", *flags) as server:
        if flags:
            flags.append(f"--ca_file={server.line().removeprefix('certificate of ')}")
        port = server.line().rpartition(":")[2]
        flags.append(f"--server_port={port}")
        done = [_made(f"--test_case={name}", *flags) for name in ("all", *SOAKS)]
        code, _, log = server.end(signal.SIGTERM)
    assert 128 + signal.SIGTERM == code, log
    return "".join(each.stdout + each.stderr for each in done)


def _made(*flags):
    return subprocess.run(
        [sys.executable, "-m", "tests.interop.grpc_testclient", *flags],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


@pytest.mark.parametrize("name", [*CASES, *SOAKS])
def test_case(made, name):
    """
    Each case of the suite is passed by our client with our server.
    """
    assert f"{name}: passed" in made.splitlines(), made
