"""
Commands that are run in the process of the tests do not begin its log.
"""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_log(monkeypatch):
    """
    A log to the standard error of one test would fail all tests behind it that log anything.
    """
    monkeypatch.setattr("rpcfw.cli.running.begin_logging", lambda level, stream: lambda level: None)
