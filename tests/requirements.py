"""
What a test needs of the machine it runs on.

On a developer's machine a missing server skips the test and says how to get it.
In CI a test that does not run is a failure, since nobody reads what was skipped.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

__all__ = ["require", "require_etcd", "require_nats", "require_redis", "require_zookeeper"]

ZOOKEEPER_JAR = Path("/usr/share/java/zookeeper.jar")


def require(present: object, command: str) -> None:
    """
    Go on if ``present``, else skip the test, or fail it where ``CI=true``.

    Args:
        command: what installs the missing thing.
    """
    if present:
        return
    reason = f"needs what is not installed here; to install it: {command}"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_zookeeper() -> None:
    """
    Need the ZooKeeper server and a Java to run it.
    """
    require(
        ZOOKEEPER_JAR.exists() and shutil.which("java"),
        "apt-get install --no-install-recommends zookeeper default-jre-headless",
    )


def require_etcd() -> None:
    """
    Need the etcd server.
    """
    require(shutil.which("etcd"), "apt-get install --no-install-recommends etcd-server")


def require_nats() -> None:
    """
    Need the NATS server.
    """
    require(shutil.which("nats-server"), "apt-get install --no-install-recommends nats-server")


def require_redis() -> None:
    """
    Need the Redis server.
    """
    require(shutil.which("redis-server"), "apt-get install --no-install-recommends redis-server")
