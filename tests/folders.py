"""
Folders of tests that are classes. Trial's own ``mktemp`` leaves them where the tests are run.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

__all__ = ["temporary_folder"]


def temporary_folder(case: Any) -> Path:
    """
    Return an empty folder that is gone when the test is over.
    """
    folder = Path(mkdtemp(prefix="rpcfw-test-"))
    case.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return folder
