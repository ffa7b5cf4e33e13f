"""
The pages of the console. Each file has the routes of one subject.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.console.pages import (
    account,
    audit_trail,
    calls,
    instance_rules,
    live,
    release,
    rules,
    services,
)
from rpcfw.console.routes import Route

__all__ = ["all_routes"]

_SUBJECTS = (services, live, rules, instance_rules, release, calls, account, audit_trail)


def all_routes() -> Iterator[Route]:
    """
    Yield the routes of all subjects.
    """
    for subject in _SUBJECTS:
        yield from subject.ROUTES
