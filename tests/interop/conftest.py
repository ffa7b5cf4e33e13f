"""
The shop's generated modules, made once.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.interop.java_peers import build_once
from tests.interop.shop import generate


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory):
    """
    A folder with the modules, from which they can be imported.
    """
    pytest.importorskip("grpc_tools", reason="pip install grpcio-tools")
    pytest.importorskip("grpclib", reason="pip install grpclib")
    folder = tmp_path_factory.mktemp("shop")
    generate(folder)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def java_peers(tmp_path_factory):
    """
    The peers in Java, compiled once for all processes of this run.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return build_once(shared / "java_peers")
