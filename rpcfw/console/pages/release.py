"""
A grey release, step by step.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

from rpcfw.app.rules.documents import POLICIES
from rpcfw.console.access.roles import Role
from rpcfw.console.grey_release import STEPS, next_shares, parts_of, with_shares
from rpcfw.console.http.messages import Response, redirect
from rpcfw.console.pages.rules import put, tried
from rpcfw.console.routes import Changed, Route, Visit
from rpcfw.errors import SettingsError
from rpcfw.values.rule import Document, Scope, service_scope

__all__ = ["ROUTES"]


def _scope(visit: Visit) -> Scope:
    """
    Return the service: a release is never one of an application, whatever a form says.
    """
    name = visit.asked("name")
    if not name:
        raise SettingsError("name a service")
    return service_scope(name)


async def _stored(visit: Visit) -> Document | None:
    found = await visit.console.rule_book.read(_scope(visit))
    return found.documents.get(POLICIES)


async def _release(visit: Visit) -> Response:
    document = await _stored(visit)
    name = visit.asked("name")
    versions = Counter(one.version for one in visit.console.fleet.instances(name))
    parts = parts_of(document.body) if document else []
    named = [f"version={each}" for each in sorted(filter(None, versions), reverse=True)]
    criteria = [each.criteria for each in parts] + named
    return visit.page(
        "release.html",
        title=f"Grey release of {name}",
        name=name,
        parts_of_release=parts,
        versions=sorted(versions.items()),
        version=document.version if document else 0,
        new=criteria[0] if criteria else "",
        old=next((each for each in criteria[1:] if each != criteria[0]), ""),
        criteria=list(dict.fromkeys(criteria)),
        steps=STEPS,
    )


async def _new_text(visit: Visit) -> str:
    document = await _stored(visit)
    body = document.body if document else ""
    if visit.asked("end"):
        return with_shares(body, "")
    shares = next_shares(visit.asked("new"), visit.asked("old"), visit.asked("percent"))
    return with_shares(body, shares)


async def _try(visit: Visit) -> Response:
    return await tried(visit, _scope(visit), POLICIES, await _new_text(visit))


async def _step(visit: Visit) -> Changed:
    done = await put(visit, _scope(visit), POLICIES, await _new_text(visit))
    return Changed(done.what, redirect(f"/release?{urlencode({'name': visit.asked('name')})}"))


ROUTES = (
    Route("GET", "/release", _release),
    Route("POST", "/release/try", _try, Role.OPERATOR),
    Route("POST", "/release/step", _step, Role.OPERATOR, "step of a grey release"),
)
