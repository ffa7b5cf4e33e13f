"""
The audit trail.
"""

from __future__ import annotations

from rpcfw.console.access.roles import Role
from rpcfw.console.http.messages import Response
from rpcfw.console.paging import paged
from rpcfw.console.routes import Route, Visit

__all__ = ["ROUTES"]

_PAGE_SIZE = 100


async def _audit(visit: Visit) -> Response:
    text = visit.asked("q").lower()
    found = [
        each
        for each in visit.console.audit.entries
        if not text or text in f"{each.who} {each.what} {each.reason} {each.result}".lower()
    ]
    return visit.page(
        "audit.html", title="Audit trail", q=text, page=paged(visit, found, _PAGE_SIZE)
    )


ROUTES = (Route("GET", "/audit", _audit, Role.ADMIN),)
