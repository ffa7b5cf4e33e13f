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
    return build_once(_shared(tmp_path_factory) / "java_peers")


@pytest.fixture(scope="session")
def java_peers_with_etcd(tmp_path_factory):
    """
    The same with Dubbo's extension for etcd, and the old libraries that it needs.
    """
    # Skipped in CI, too: the extension and its old libraries are not to be had everywhere.
    folder = _shared(tmp_path_factory) / "java_peers_with_etcd"
    return build_once(folder, "-Petcd", missing=pytest.skip)


def _shared(tmp_path_factory):
    """
    Return the folder that all processes of this run share.
    """
    shared = tmp_path_factory.getbasetemp()
    return shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
