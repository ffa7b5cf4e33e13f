"""
Peers that are optional, and programs in other languages that are built.
"""

from __future__ import annotations

import sys
from subprocess import CalledProcessError

import pytest

from benchmarks import peers, plan
from benchmarks.peers import programs


def test_a_peer_without_its_toolchain_is_missing(monkeypatch):
    """
    What is told is what to install; with the toolchain there is nothing to tell.
    """
    monkeypatch.setattr(peers, "which", lambda program: None)
    assert "install Go, https://go.dev/doc/install" == peers.missing("grpc-go")
    assert "install Rust, https://rustup.rs" == peers.missing("tonic")
    monkeypatch.setattr(peers, "which", lambda program: f"/bin/{program}")
    assert None is peers.missing("grpc-go")


def test_a_peer_may_lack_several_packages(monkeypatch):
    """
    The command installs only those that are not there.
    """
    there = {"uvloop"}
    monkeypatch.setattr(peers, "find_spec", lambda name: name in there)
    assert "pip install aio-msgpack-rpc" == peers.missing("aio-msgpack-rpc-uvloop")
    there.clear()
    assert "pip install aio-msgpack-rpc uvloop" == peers.missing("aio-msgpack-rpc-uvloop")
    there.update(("uvloop", "aio_msgpack_rpc"))
    assert None is peers.missing("aio-msgpack-rpc-uvloop")


def test_a_peer_that_cannot_be_built_is_left_out(monkeypatch, capsys):
    """
    The reason is told once, and the other peers are measured.
    """

    def build(peer):
        if peer == "grpc-go":
            raise CalledProcessError(1, ["go", "build"])

    monkeypatch.setattr(peers, "missing", lambda peer: None)
    monkeypatch.setattr(peers, "prepare", build)
    plan.is_usable.cache_clear()
    asked = plan.Plan((), (), (1,), 1.0, 1)
    assert [("echo", "echo")] == asked.together(("grpc-go", "echo"))
    said = capsys.readouterr().err
    assert 1 == said.count("grpc-go is left out: its build failed")


@pytest.fixture(autouse=True)
def _forgets_who_is_usable():
    yield
    plan.is_usable.cache_clear()


def test_sources_are_copied_into_the_cache(monkeypatch, tmp_path):
    """
    The build leaves nothing in the source tree, and has the service's definition.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with programs.copied("grpc_go") as folder:
        assert tmp_path / "rpcfw-benchmarks" / "grpc_go" == folder
        assert {"go.mod", "main.go", "order.proto"} <= {path.name for path in folder.iterdir()}
        programs.execute(folder, sys.executable, "-c", "open('made', 'w')")
        assert (folder / "made").exists()
