"""
The shop's generated modules, made once.
"""

from __future__ import annotations

import sys

import pytest

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
