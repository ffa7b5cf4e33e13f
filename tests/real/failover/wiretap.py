"""
What a registry in use keeps to itself, for the tests that make its servers fail.
"""

from __future__ import annotations

from typing import Any

__all__ = ["seen"]


def seen(registry: Any) -> dict[str, Any]:
    """
    Tell which session with ZooKeeper a registry has, or which member and lease of etcd.
    """
    if hasattr(registry._session, "session_id"):  # noqa: SLF001
        session, password = registry._session._client.client_id or (0, b"")  # noqa: SLF001
        return {"session": session, "password": password.hex()}
    lease = registry._announced._store._lease.id  # noqa: SLF001
    return {"port": registry._session._address.port, "lease": lease}  # noqa: SLF001
