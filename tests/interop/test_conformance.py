"""
connectrpc's conformance suite, in the part that is about gRPC, against both sides of ours.

The suite is built from its Go module; its files are read where Go has put them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.interop.conformance_folder import FOLDER
from tests.real.commands import environment

MODULE = "connectrpc.com/conformance"
VERSION = "v1.0.7"
CONFIG = ROOT / "tests" / "interop" / "conformance.yaml"
#: Of the suite's documents, and no more than those.
LEAST_CASES = 1000
BUILD_LIMIT_S = 600
RUN_LIMIT_S = 900


def go(*arguments, **settings):
    """
    Run Go, and return what it says; skip the test where it has no way to the module.
    """
    done = subprocess.run(
        ["go", *arguments],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_LIMIT_S,
    )
    if done.returncode:
        pytest.skip(f"go {' '.join(arguments)} failed: {done.stderr[-300:]}")
    return done.stdout


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """
    The program of the suite, and the folder of its files.
    """
    pytest.importorskip("grpc_tools", reason="pip install grpcio-tools")
    if shutil.which("go") is None:
        pytest.skip("needs Go, to build the suite: https://go.dev/doc/install")
    folder = tmp_path_factory.mktemp("conformance")
    go("install", f"{MODULE}/cmd/connectconformance@{VERSION}", GOBIN=str(folder))
    found = json.loads(go("mod", "download", "-json", f"{MODULE}@{VERSION}"))
    return folder / "connectconformance", f"{found['Dir']}/proto"


@pytest.mark.parametrize("side", ["client", "server"])
def test_every_case_passes(suite, side):
    """
    In clear text, with TLS and with certificates of clients; in both codecs, and compressed.
    """
    program, protos = suite
    done = subprocess.run(
        [
            *(program, "--conf", CONFIG, "--mode", side, "--"),
            *(sys.executable, "-m", f"tests.interop.conformance_{side}"),
        ],
        cwd=ROOT,
        env=environment(**{FOLDER: protos}),
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_LIMIT_S,
    )
    said = done.stdout + done.stderr
    passed, failed = re.search(r"(\d+) passed, (\d+) failed", said).groups()
    assert (0, "0") == (done.returncode, failed), said[-8000:]
    assert int(passed) > LEAST_CASES
