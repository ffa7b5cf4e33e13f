"""
The INI files that people copy.
"""

from __future__ import annotations

import pytest

from tests.house.test_floors import run
from tests.house.tree import ROOT

#: Two need certificates and keys. The test of the page that makes them checks both.
SECURE = {ROOT / "conf" / "security.ini", ROOT / "conf" / "registry.ini"}
FILES = sorted({*(ROOT / "conf").glob("*.ini")} - SECURE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_conf_is_right(path):
    """
    Every INI file that we ship passes its own check.
    """
    done = run("-m", "rpcfw.cli.main", "config", "check", "-c", str(path))

    assert 0 == done.returncode, done.stdout + done.stderr
