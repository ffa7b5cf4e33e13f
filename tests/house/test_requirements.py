"""
What happens where a server that a test needs is missing.
"""

from __future__ import annotations

import pytest

from tests.requirements import require


@pytest.fixture(autouse=True)
def outside_ci(monkeypatch):
    """
    Start from a developer's machine, wherever this runs.
    """
    monkeypatch.delenv("CI", raising=False)


def test_what_is_there_is_enough():
    """
    A test runs where its server is installed.
    """
    assert require(True, "apt-get install nothing") is None


def test_what_is_missing_skips_and_says_how_to_get_it():
    """
    A developer without the server sees the command that installs it.
    """
    with pytest.raises(pytest.skip.Exception, match="apt-get install zookeeper"):
        require(False, "apt-get install zookeeper")


def test_what_is_missing_fails_in_ci(monkeypatch):
    """
    In CI a test that cannot run is a failure.
    """
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="apt-get install zookeeper"):
        require(None, "apt-get install zookeeper")
