"""
What is told where the package etcd3 is asked for: mistakes, and what to install.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.etcd.registry import EtcdOptions, EtcdRegistry


def made(**texts):
    return EtcdRegistry(options_of(EtcdOptions, client="etcd3", **texts), plugin_context())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """
    Return what puts a package etcd3 with one line of code in the way of the real one.
    """
    # The first of these is what has the second, and what is imported then, undone.
    monkeypatch.setitem(sys.modules, "etcd3", None)
    monkeypatch.delitem(sys.modules, "etcd3")
    monkeypatch.syspath_prepend(tmp_path)

    def put(line):
        (tmp_path / "etcd3.py").write_text(line)

    return put


def test_says_what_to_install(monkeypatch):
    """
    Without the package the start ends, with the command that mends it.
    """
    monkeypatch.setitem(sys.modules, "etcd3", None)

    with pytest.raises(SettingsError, match=r"needs: pip install .*etcd3.* 'protobuf>=3.20,<3.21'"):
        made()


def test_says_why_it_cannot_be_imported(package):
    """
    Beside a protobuf that the package cannot bear, the start ends with one line.
    """
    package("raise TypeError('Descriptors cannot be created directly.\\nIf this call came')")

    with pytest.raises(SettingsError) as caught:
        made()

    told = str(caught.value)
    assert "cannot be imported beside protobuf" in told
    assert "'protobuf>=3.20,<3.21'" in told
    assert "Descriptors cannot be created directly" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("texts", "mistake"),
    [
        ({"address": "tls:a:2379"}, "need tls_ca"),
        ({"address": "tls:a:2379", "tls_ca": "a", "tls_key": "b"}, "go together"),
        ({"tls_ca": "a"}, "put tls: before each address"),
    ],
)
def test_refuses_what_the_package_cannot_do(package, texts, mistake):
    """
    Options that would have no effect, or none that is safe, are told before anything starts.
    """
    package("")

    with pytest.raises(SettingsError, match=mistake):
        made(**texts)


def test_needs_no_wire_of_ours():
    """
    The process need not have gRPC where the package brings its own.
    """
    theirs, ours = options_of(EtcdOptions, client="etcd3"), options_of(EtcdOptions)

    assert () == EtcdRegistry.channel_protocols(theirs)
    assert ("grpc",) == EtcdRegistry.channel_protocols(ours)


def test_is_not_imported_before_it_is_chosen():
    """
    The registry is there for those who have neither the package nor grpcio.
    """
    code = "import sys, rpcfw_registries.etcd.registry; sys.exit('grpc' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode
