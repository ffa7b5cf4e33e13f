"""
Who may import whom, as ``setup.cfg`` says.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house.tree import ROOT, files

#: Loaded by people who have no Twisted in mind: a fuzzer, a tool that reads frames.
WITHOUT_TWISTED = ("rpcfw", "rpcfw.status", "rpcfw.errors", "rpcfw.values", "rpcfw.wire")

EVERY_MODULE_OF = """
import importlib, pkgutil, sys
root = importlib.import_module({name!r})
for found in pkgutil.walk_packages(getattr(root, "__path__", ()), {name!r} + ".") if {deep} else ():
    importlib.import_module(found.name)
print("twisted" in sys.modules)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run this Python on the source tree.
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    environ = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_floors_hold():
    """
    A file imports from its own room and from the floors below.
    """
    linter = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"

    done = run("-c", linter)

    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", WITHOUT_TWISTED)
def test_loads_no_twisted(name):
    """
    The floors that hold no I/O load no Twisted, not even through another floor.
    """
    program = EVERY_MODULE_OF.format(name=name, deep=name != "rpcfw")

    done = run("-c", program)

    assert "False" == done.stdout.strip(), done.stderr


def test_every_folder_is_a_package():
    """
    A folder without ``__init__.py`` would be left out of the wheel without a word.
    """
    folders = {path.parent for path in files("rpcfw", "tests")}
    folders |= {path.parent for path in files("plugins") if "twisted" not in path.parts}

    missing = [str(folder) for folder in folders if not (folder / "__init__.py").exists()]

    assert [] == missing
